//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::access::Access;
use super::codex::Login;
use super::export::Export;
use super::keep::Keep;
use super::limits::Limits;
use super::sessions::Question;
use super::settings::Settings;
use super::setup::Shell;
use super::version::version;
use super::{completions, doctor};

/// A terminal UI traffic inspector for OpenAI's Codex CLI.
///
/// codextap listens on loopback, forwards what Codex sends to OpenAI, and shows it. Without a
/// command it shows its screen; point Codex here with `codextap codex`, or with `codex -c
/// openai_base_url=http://127.0.0.1:8787/v1`.
#[derive(Parser, Debug)]
#[command(name = "codextap", version = version(), styles = STYLES)]
pub(super) struct Cli {
    /// What to do; the screen if left out.
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    /// Settings file, or `none`; config.toml in the settings directory if left out
    #[arg(long, value_name = "FILE", env = "CODEXTAP_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Open Codex in the other half: in tmux, zellij, WezTerm or kitty
    #[arg(long)]
    pub(super) split: bool,
    /// Options of every command.
    #[command(flatten)]
    pub(super) common: Common,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Proxy and screen (what happens without a command)
    Tui,
    /// Run Codex through a codextap that is running, or one started for it
    #[command(disable_help_flag = true)]
    Codex {
        /// How Codex is logged in; found out if left out.
        #[arg(long, value_enum, env = "CODEXTAP_LOGIN")]
        login: Option<Login>,
        /// Run it in the other half, and the screen in this one.
        #[arg(long)]
        split: bool,
        /// Arguments for Codex.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run any command that way, with `OPENAI_BASE_URL` set
    Run {
        /// Which upstream its base URL is for.
        #[arg(long, value_enum, default_value_t = Login::ApiKey)]
        login: Login,
        /// The command.
        #[arg(value_name = "CMD")]
        program: OsString,
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// The screen, and a command in the other half: in tmux, zellij, WezTerm or kitty
    Split {
        /// The command and its arguments; a plain Codex if left out.
        #[arg(
            value_name = "CMD",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        command: Vec<OsString>,
    },
    /// Proxy without a screen: a line per finished flow, and the capture
    Record,
    /// Browse captures without a proxy
    Open {
        /// Captures or HAR files to read, one after another; gzip and zstd are undone, `-` is the standard input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Go on reading what is added to the files.
        #[arg(short = 'F', long)]
        follow: bool,
    },
    /// What captures come to, and the conversation in them, as Markdown
    Report {
        /// Captures or HAR files to read, one after another; gzip and zstd are undone, `-` is the standard input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// File to write instead of the standard output
        #[arg(short, long, value_name = "OUT")]
        output: Option<PathBuf>,
        /// Write over that file if it exists
        #[arg(long)]
        force: bool,
    },
    /// Flows of captures in the form of another tool
    Export(Export),
    /// Sessions in captures: who worked on what, and what it took
    Sessions(Question),
    /// Where the settings are, and which are in force
    Config {
        /// Print a settings file with every setting, what it does and what it is set to if left out
        #[arg(long)]
        default: bool,
    },
    /// The lines that point Codex here, for a shell and each login; no file is changed
    Setup {
        /// The shell; yours if left out.
        #[arg(value_enum)]
        shell: Option<Shell>,
    },
    /// What stands between Codex and the screen: what is wrong with it, and what mends that
    Doctor(doctor::Question),
    /// Print what makes a shell complete commands, options and their values
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: completions::Shell,
    },
    /// Print the manual page, or write one for each command
    Man {
        /// Directory for the pages of all commands
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// A scripted Codex and upstream inside this program: everything on screen, no key, no network
    Demo {
        /// How long the story's pauses are: 2 is twice as long, 0 is none
        #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = pace, allow_negative_numbers = true)]
        pace: f64,
    },
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(super) struct Common {
    /// Address to listen on; port 0 takes any free one
    #[arg(
        long,
        global = true,
        value_name = "ADDR",
        default_value = "127.0.0.1:8787",
        value_parser = address,
        env = "CODEXTAP_LISTEN"
    )]
    pub(super) listen: SocketAddr,
    /// Where /v1/… goes
    #[arg(
        long,
        global = true,
        value_name = "URL",
        default_value = "https://api.openai.com",
        env = "CODEXTAP_API_UPSTREAM"
    )]
    pub(super) api_upstream: String,
    /// Where /backend-api/… goes
    #[arg(
        long,
        global = true,
        value_name = "URL",
        default_value = "https://chatgpt.com",
        env = "CODEXTAP_CHATGPT_UPSTREAM"
    )]
    pub(super) chatgpt_upstream: String,
    /// Another path prefix and where it goes; repeatable
    #[arg(
        long,
        global = true,
        value_name = "PREFIX=URL",
        value_delimiter = ' ',
        env = "CODEXTAP_ROUTE"
    )]
    pub(super) route: Vec<String>,
    /// With a ChatGPT login, take side channels (plan, plugins, connectors, analytics) through codextap as well;
    /// this changes one answer, and says so on it
    #[arg(long, global = true, env = "CODEXTAP_SIDE_CHANNELS")]
    pub(super) side_channels: bool,
    /// Proxy on the way to the upstreams, WebSockets included: http, https, socks5 or socks5h, with
    /// user:password@ if it wants them; `none` ignores `https_proxy` and its relatives
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "CODEXTAP_UPSTREAM_PROXY",
        hide_env_values = true
    )]
    pub(super) upstream_proxy: Option<String>,
    /// PEM file with roots to trust besides the system's
    #[arg(long, global = true, value_name = "FILE", env = "CODEXTAP_UPSTREAM_CA")]
    pub(super) upstream_ca: Option<PathBuf>,
    /// Capture file, or `none`; a new file in the state directory if left out
    #[arg(long, global = true, value_name = "FILE", env = "CODEXTAP_CAPTURE")]
    pub(super) capture: Option<PathBuf>,
    /// Only flows that match: in the list, as with `/`; without a screen, in what is printed and captured
    #[arg(long, global = true, value_name = "EXPR", env = "CODEXTAP_FILTER")]
    pub(super) filter: Option<String>,
    /// Prices of models, in place of prices.toml in the settings directory and the built-in ones
    #[arg(long, global = true, value_name = "FILE", env = "CODEXTAP_PRICES")]
    pub(super) prices: Option<PathBuf>,
    /// Colour theme; `auto`, which holds if left out, asks the terminal whether it is dark or light
    #[arg(long, global = true, value_name = "NAME", env = "CODEXTAP_THEME")]
    pub(super) theme: Option<String>,
    /// When to use colours; `auto` honours `NO_COLOR`
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t = Color::Auto,
        env = "CODEXTAP_COLOR"
    )]
    pub(super) color: Color,
    /// Leave the mouse to the terminal
    #[arg(long, global = true, env = "CODEXTAP_NO_MOUSE")]
    pub(super) no_mouse: bool,
    /// Write credentials as they are instead of masking them
    #[arg(long, global = true, env = "CODEXTAP_NO_REDACT")]
    pub(super) no_redact: bool,
    /// Log file; standard error where there is no screen, else none
    #[arg(long, global = true, value_name = "FILE", env = "CODEXTAP_LOG")]
    pub(super) log: Option<PathBuf>,
    /// What to log
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        default_value = "warn",
        env = "CODEXTAP_LOG_LEVEL"
    )]
    pub(super) log_level: tracing::Level,
    /// Print nothing but errors
    #[arg(short, long, global = true, env = "CODEXTAP_QUIET")]
    pub(super) quiet: bool,
    /// The Codex to run
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = "codex",
        env = "CODEXTAP_CODEX"
    )]
    pub(super) codex: String,
    /// Who may use the proxy.
    #[command(flatten)]
    pub(super) access: Access,
    /// How much it keeps.
    #[command(flatten)]
    pub(super) keep: Keep,
    /// How long it waits.
    #[command(flatten)]
    pub(super) limits: Limits,
    /// What is set elsewhere, and where.
    #[arg(skip)]
    pub(super) settings: Settings,
}

impl Common {
    /// The address to listen on, if it is told anywhere.
    pub(super) fn listen_given(&self) -> Option<SocketAddr> {
        self.settings.is_set("listen").then_some(self.listen)
    }

    /// Whether nobody is to be told where the capture is: whoever named the file knows.
    pub(super) fn has_known_capture(&self) -> bool {
        self.quiet || self.settings.is_told("capture")
    }
}

/// An address with its port.
fn address(text: &str) -> Result<SocketAddr, String> {
    let expected = "expected an address and a port, such as 127.0.0.1:8787 or [::1]:8787";
    text.parse().map_err(|_| expected.to_owned())
}

/// A factor for the demo's pauses.
fn pace(text: &str) -> Result<f64, String> {
    let pace = text.parse().ok();
    let pace = pace.filter(|pace| (0.0..=100.0).contains(pace));
    pace.ok_or_else(|| "expected a number from 0 to 100".to_owned())
}

/// When to use colours.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(super) enum Color {
    /// Where the terminal has them and `NO_COLOR` is not set.
    Auto,
    /// In any case.
    Always,
    /// Not at all.
    Never,
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Cyan.on_default().bold())
    .usage(AnsiColor::Cyan.on_default().bold())
    .literal(AnsiColor::Green.on_default());
