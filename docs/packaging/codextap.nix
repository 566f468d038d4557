# A template: `rev` and both hashes are those of a release.
{
  lib,
  rustPlatform,
  fetchgit,
  installShellFiles,
}:

rustPlatform.buildRustPackage rec {
  pname = "codextap";
  version = "0.1.0";

  src = fetchgit {
    url = "URL of the repository";
    rev = "v${version}";
    hash = lib.fakeHash;
  };
  cargoHash = lib.fakeHash;

  # Tests start Codex, terminals and servers.
  doCheck = false;

  nativeBuildInputs = [ installShellFiles ];
  postInstall = ''
    for shell in bash zsh fish; do
      $out/bin/codextap completions $shell > codextap.$shell
    done
    installShellCompletion codextap.{bash,zsh,fish}
    $out/bin/codextap man --out man
    installManPage man/*
  '';

  meta = {
    description = "A terminal UI traffic inspector for OpenAI's Codex CLI";
    license = lib.licenses.mit;
    mainProgram = "codextap";
  };
}
