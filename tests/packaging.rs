//! What packages are made of: each file that `Cargo.toml` and the container file name is in the source, or made by
//! `.ci/package`.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use toml::Table;

    #[test]
    fn the_debian_package_is_made_of_what_there_is() {
        let manifest: Table = read("Cargo.toml").parse().unwrap();
        let deb = &manifest["package"]["metadata"]["deb"];
        let made = made();
        let assets = deb["assets"].as_array().unwrap();
        let sources = assets.iter().map(|asset| asset[0].as_str().unwrap());
        let others = ["changelog"].map(|name| deb[name].as_str().unwrap());
        let licence = deb["license-file"][0].as_str().unwrap();
        for source in sources.chain(others).chain([licence]) {
            let is_made = source
                .strip_prefix("target/package/deb/")
                .is_some_and(|name| made.contains(&name));
            let is_built = source == "target/release/codextap";
            assert!(
                is_made || is_built || Path::new(source).exists(),
                "{source}"
            );
        }
        for directory in [
            "bash-completion/completions",
            "zsh/vendor-completions",
            "man/man1",
        ] {
            assert!(
                format!("{:?}", deb["assets"]).contains(directory),
                "{directory}"
            );
        }
    }

    #[test]
    fn the_container_is_made_of_an_archive() {
        let containerfile = read(".ci/Containerfile");
        let copied = containerfile
            .lines()
            .filter_map(|line| line.strip_prefix("COPY "));
        let copied: Vec<&str> = copied.map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(copied, ["codextap"]);
        assert!(read(".ci/package").contains("cp \"$PROGRAM\" README.md LICENSE CHANGELOG.md"));
    }

    /// What `.ci/package` puts into `target/package/deb`.
    fn made() -> Vec<&'static str> {
        let script = read(".ci/package");
        assert!(script.contains(
            "/man\" \"$OUT/$NAME/completions\"/codextap.{bash,zsh,fish} target/package/deb\n"
        ));
        assert!(script.contains("cat >target/package/deb/changelog"));
        vec![
            "man/*.1",
            "codextap.bash",
            "codextap.zsh",
            "codextap.fish",
            "changelog",
        ]
    }

    fn read(path: &str) -> String {
        fs::read_to_string(path).unwrap()
    }
}
