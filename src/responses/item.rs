//! Items: the elements of a request's `input` and of a response's `output`.

/// One element of a conversation.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// The item's id (`msg_…`, `rs_…`, `fc_…`), where it has one.
    pub id: Option<String>,
    /// What it is.
    pub kind: ItemKind,
    /// Ordinal of the turn's event that began it; 0 in a request.
    pub began: u32,
    /// Ordinal of the event that completed it (`response.output_item.done`).
    pub ended: Option<u32>,
    /// The item's JSON as last seen whole, verbatim; empty until then.
    pub raw: String,
}

/// What an item is.
#[derive(Clone, PartialEq, Debug)]
pub enum ItemKind {
    /// A message of the user, the developer, the system, an assistant or another agent.
    Message {
        /// Who speaks (`user`, `developer`, `system`, `assistant`, or an agent's name).
        role: String,
        /// Codex's `phase` (`commentary`, `final_answer`), where given.
        phase: Option<String>,
        /// Its content parts in order.
        parts: Vec<Part>,
    },
    /// The model's reasoning.
    Reasoning {
        /// Summary parts in order.
        summary: Vec<Part>,
        /// Raw reasoning text, where the model gives it.
        content: Vec<Part>,
        /// Bytes of `encrypted_content`.
        encrypted: usize,
    },
    /// A call of a tool.
    Call(ToolCall),
    /// A tool's answer.
    Output(ToolOutput),
    /// Tools given as an input item (`additional_tools`).
    Tools(Vec<super::Tool>),
    /// Any other item.
    Other {
        /// Its `type`.
        kind: String,
    },
}

/// A piece of text or other content.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// Its type, such as `output_text`, `refusal`, `input_image`.
    pub kind: String,
    /// Its text; a short description in brackets for content that is no text (`[image, 12345 bytes]`).
    pub text: String,
    /// Ordinal of the event that began it; 0 in a request.
    pub began: u32,
}

/// A call of a tool.
#[derive(Clone, PartialEq, Debug)]
pub struct ToolCall {
    /// Which kind of tool.
    pub kind: ToolKind,
    /// The tool's name; the item type's stem for built-in tools (`web_search`).
    pub name: String,
    /// The namespace it belongs to, where there is one.
    pub namespace: Option<String>,
    /// Pairs the call with its output.
    pub call_id: Option<String>,
    /// Arguments (JSON text of a function call) or input (free text of a custom tool), as assembled so far.
    pub input: String,
    /// The item's `status`, where given.
    pub status: Option<String>,
}

/// The kinds of tools.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ToolKind {
    /// `function_call`: JSON arguments.
    Function,
    /// `custom_tool_call`: free text.
    Custom,
    /// `local_shell_call`.
    Shell,
    /// A tool that the provider runs: web search, file search, code interpreter, image generation, MCP, tool search.
    Hosted,
}

/// What a tool answered.
#[derive(Clone, PartialEq, Debug)]
pub struct ToolOutput {
    /// The item's type (`function_call_output`, `custom_tool_call_output`, …).
    pub kind: String,
    /// The call it answers.
    pub call_id: Option<String>,
    /// The output's text; parts of a list joined by line breaks.
    pub text: String,
}
