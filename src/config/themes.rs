//! The user's own themes: files of the directory `themes`, as texts.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

/// The themes in `directory` by name, which is that of the file without `.toml`, in alphabetical order. None if
/// there is no such directory.
///
/// # Errors
/// When the directory or one of the files cannot be read, or a file is longer than a theme can be.
pub fn read(directory: &Path) -> io::Result<Vec<(String, String)>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut themes = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        let is_theme = path
            .extension()
            .is_some_and(|extension| extension == "toml");
        let Some(name) = name.filter(|_| is_theme && path.is_file()) else {
            continue;
        };
        let mut text = String::new();
        let length = File::open(&path)?.take(LIMIT + 1).read_to_string(&mut text);
        let length = length.map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        if length as u64 > LIMIT {
            let why = format!("{}: longer than 1 MiB", path.display());
            return Err(io::Error::new(ErrorKind::FileTooLarge, why));
        }
        themes.push((name.to_owned(), text));
    }
    themes.sort();
    Ok(themes)
}

/// Bytes of a theme. A person's are some thousands.
const LIMIT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_with_the_right_ending_are_themes() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(read(&home.path().join("none")).unwrap(), []);
        for name in ["b.toml", "a.toml", "c.txt", ".toml"] {
            fs::write(home.path().join(name), name).unwrap();
        }
        fs::create_dir(home.path().join("d.toml")).unwrap();
        let theme = |name: &str| (name.to_owned(), format!("{name}.toml"));
        assert_eq!(read(home.path()).unwrap(), [theme("a"), theme("b")]);
        fs::write(home.path().join("b.toml"), [0xff]).unwrap();
        let error = read(home.path()).unwrap_err().to_string();
        assert!(error.contains("b.toml: "), "{error}");
    }
}
