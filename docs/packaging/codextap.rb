# A template: `url` and `sha256` are those of a release's source archive.
class Codextap < Formula
  desc "Terminal UI traffic inspector for OpenAI's Codex CLI"
  homepage "URL of the repository"
  url "URL of the repository/archive/v0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "MIT"

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args
    generate_completions_from_executable(bin/"codextap", "completions")
    system bin/"codextap", "man", "--out", "man"
    man1.install Dir["man/*.1"]
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/codextap --version")
    assert_match "SESSION", shell_output("#{bin}/codextap sessions list /dev/null")
  end
end
