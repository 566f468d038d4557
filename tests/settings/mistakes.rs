//! Settings files that are wrong.

/// The file, what is said behind its name, and a part of the hint.
pub(crate) const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "\nthem = 'ember'",
        "2: unknown key `them`: did you mean `theme`?",
        "--default",
    ),
    ("config = 'x'", "1: unknown key `config`", ""),
    ("[kesy]", "1: unknown key `kesy`: did you mean `keys`?", ""),
    ("[theme]\nx = 1", "1: unknown key `theme`", ""),
    (
        "theme = 5",
        "1: `theme`: expected a string, not a number",
        "",
    ),
    (
        "route = '/a=http://b'",
        "1: `route`: expected a list of strings, not a string",
        "",
    ),
    (
        "quiet = 'yes'",
        "1: `quiet`: expected true or false, not a string",
        "",
    ),
    (
        "keep-count = 1.5",
        "1: `keep-count`: expected a number, not a number with a fraction",
        "",
    ),
    (
        "listen = 'x'",
        "1: invalid value 'x' for `listen`: expected an address and a port",
        "",
    ),
    (
        "color = 'some'",
        "1: invalid value 'some' for `color` [possible values: auto, ",
        "",
    ),
    (
        "drain = '5'",
        "1: invalid value '5' for `drain`: expected a time",
        "",
    ),
    (
        "keep-count = -1",
        "1: invalid value '-1' for `keep-count`: expected a number",
        "",
    ),
    ("login = 'x'", "1: invalid value 'x' for `login`", ""),
    (
        "theme = 'embr'",
        "1: theme embr: there is no theme",
        "default-dark",
    ),
    ("filter = '~zz'", "1: filter: unknown operator", "»~zz«"),
    ("prices = 'none.toml'", "1: prices ", ""),
    (
        "api-upstream = 'ftp://x'",
        "1: api-upstream: \"ftp://x\" is not",
        "",
    ),
    (
        "route = ['a']",
        "1: route a: expected PREFIX=URL",
        "/azure=",
    ),
    (
        "upstream-proxy = 'gopher://u:secret@h'",
        "1: upstream-proxy: not a proxy's URL",
        "",
    ),
    ("token = 'too-secret'", "1: token: a token has 16 to", ""),
    (
        "[keys]\nzom = 'z'",
        "2: unknown action `zom`: did you mean `zoom`?",
        "",
    ),
    (
        "[keys]\nzoom = 1",
        "2: `zoom`: expected a key, or a list of keys, not a number",
        "",
    ),
    (
        "[keys]\nzoom = 'hyper-x'",
        "2: `zoom`: there is no key `hyper-x`",
        "",
    ),
    (
        "[keys]\nzoom = 'x'\nraw = ['b', 'x']",
        "3: `raw`: `zoom` has the key x already",
        "",
    ),
    (
        "[keys]\npreset = 'emacs'",
        "2: `preset`: expected one of default, mitmproxy, vim",
        "",
    ),
    ("[filters]\nx = '~zz'", "2: `x`: unknown operator", "»~zz«"),
    ("[filters]\nx = '@y'", "2: `x`: ", "»@y«"),
    (
        "[filters]\n'a b' = '~e'",
        "2: `a b`: a filter's name has letters",
        "",
    ),
    (
        "[filters]\nx = 1",
        "2: `x`: expected a string, not a number",
        "",
    ),
    ("x = = 1", "1: ", ""),
    ("theme = 'a'\ntheme = 'b'", "2: duplicate key", ""),
];
