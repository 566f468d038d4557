//! The names of the messages and events of the Responses API, as one table.
//!
//! The table lists what Codex sends over a WebSocket and what the server streams, in the order of
//! the API reference, then what only the realtime API knows. Everything that depends on which event
//! it is (what is terminal, what is a delta) is asked here, so that a new event is one new row.

macro_rules! vocabulary {
    ($($variant:ident = $name:literal,)+) => {
        /// What kind of event a message or SSE block carries, in the order of the API reference.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum EventKind {
            $(#[doc = concat!("`", $name, "`.")] $variant,)+
            /// Not in the vocabulary: kept and shown verbatim.
            Other,
        }

        impl EventKind {
            /// Every kind that has a name.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The kind whose `type` is `name`; [`EventKind::Other`] for every other name.
            #[must_use]
            pub fn from_name(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)+
                    _ => Self::Other,
                }
            }

            /// The `type` on the wire; `other` for [`EventKind::Other`].
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Other => "other",
                }
            }
        }
    };
}

vocabulary! {
    Create = "response.create",
    Append = "response.append",
    Interrupt = "response.interrupt",
    Processed = "response.processed",
    Created = "response.created",
    InProgress = "response.in_progress",
    Queued = "response.queued",
    Completed = "response.completed",
    Incomplete = "response.incomplete",
    Failed = "response.failed",
    Cancelled = "response.cancelled",
    Error = "error",
    OutputItemAdded = "response.output_item.added",
    OutputItemDone = "response.output_item.done",
    ContentPartAdded = "response.content_part.added",
    ContentPartDone = "response.content_part.done",
    OutputTextDelta = "response.output_text.delta",
    OutputTextDone = "response.output_text.done",
    OutputTextAnnotationAdded = "response.output_text.annotation.added",
    RefusalDelta = "response.refusal.delta",
    RefusalDone = "response.refusal.done",
    ReasoningSummaryPartAdded = "response.reasoning_summary_part.added",
    ReasoningSummaryPartDone = "response.reasoning_summary_part.done",
    ReasoningSummaryTextDelta = "response.reasoning_summary_text.delta",
    ReasoningSummaryTextDone = "response.reasoning_summary_text.done",
    ReasoningTextDelta = "response.reasoning_text.delta",
    ReasoningTextDone = "response.reasoning_text.done",
    FunctionCallArgumentsDelta = "response.function_call_arguments.delta",
    FunctionCallArgumentsDone = "response.function_call_arguments.done",
    CustomToolCallInputDelta = "response.custom_tool_call_input.delta",
    CustomToolCallInputDone = "response.custom_tool_call_input.done",
    WebSearchCallInProgress = "response.web_search_call.in_progress",
    WebSearchCallSearching = "response.web_search_call.searching",
    WebSearchCallCompleted = "response.web_search_call.completed",
    FileSearchCallInProgress = "response.file_search_call.in_progress",
    FileSearchCallSearching = "response.file_search_call.searching",
    FileSearchCallCompleted = "response.file_search_call.completed",
    CodeInterpreterCallInProgress = "response.code_interpreter_call.in_progress",
    CodeInterpreterCallInterpreting = "response.code_interpreter_call.interpreting",
    CodeInterpreterCallCompleted = "response.code_interpreter_call.completed",
    CodeInterpreterCallCodeDelta = "response.code_interpreter_call_code.delta",
    CodeInterpreterCallCodeDone = "response.code_interpreter_call_code.done",
    ShellCallCommandAdded = "response.shell_call_command.added",
    ShellCallCommandDelta = "response.shell_call_command.delta",
    ShellCallCommandDone = "response.shell_call_command.done",
    ShellCallOutputContentDelta = "response.shell_call_output_content.delta",
    ShellCallOutputContentDone = "response.shell_call_output_content.done",
    ApplyPatchCallOperationDiffDelta = "response.apply_patch_call_operation_diff.delta",
    ApplyPatchCallOperationDiffDone = "response.apply_patch_call_operation_diff.done",
    ImageGenerationCallInProgress = "response.image_generation_call.in_progress",
    ImageGenerationCallGenerating = "response.image_generation_call.generating",
    ImageGenerationCallPartialImage = "response.image_generation_call.partial_image",
    ImageGenerationCallCompleted = "response.image_generation_call.completed",
    McpCallInProgress = "response.mcp_call.in_progress",
    McpCallCompleted = "response.mcp_call.completed",
    McpCallFailed = "response.mcp_call.failed",
    McpCallArgumentsDelta = "response.mcp_call_arguments.delta",
    McpCallArgumentsDone = "response.mcp_call_arguments.done",
    McpListToolsInProgress = "response.mcp_list_tools.in_progress",
    McpListToolsCompleted = "response.mcp_list_tools.completed",
    McpListToolsFailed = "response.mcp_list_tools.failed",
    CompactionCompacting = "response.compaction.compacting",
    AudioDelta = "response.audio.delta",
    AudioDone = "response.audio.done",
    AudioTranscriptDelta = "response.audio.transcript.delta",
    AudioTranscriptDone = "response.audio.transcript.done",
    AudioTranscriptionDelta = "response.audio_transcript.delta",
    AudioTranscriptionDone = "response.audio_transcript.done",
    Metadata = "response.metadata",
    RateLimits = "codex.rate_limits",
    WebSocketTiming = "responsesapi.websocket_timing",
    SessionUpdate = "session.update",
    SessionCreated = "session.created",
    SessionUpdated = "session.updated",
    ConversationItemCreate = "conversation.item.create",
    ConversationItemCreated = "conversation.item.created",
    ConversationItemAdded = "conversation.item.added",
    ConversationItemDone = "conversation.item.done",
    ConversationItemRetrieve = "conversation.item.retrieve",
    ConversationItemRetrieved = "conversation.item.retrieved",
    ConversationItemTruncate = "conversation.item.truncate",
    ConversationItemTruncated = "conversation.item.truncated",
    ConversationItemDelete = "conversation.item.delete",
    ConversationItemDeleted = "conversation.item.deleted",
    InputTranscriptionDelta = "conversation.item.input_audio_transcription.delta",
    InputTranscriptionSegment = "conversation.item.input_audio_transcription.segment",
    InputTranscriptionCompleted = "conversation.item.input_audio_transcription.completed",
    InputTranscriptionFailed = "conversation.item.input_audio_transcription.failed",
    InputAudioAppend = "input_audio_buffer.append",
    InputAudioCommit = "input_audio_buffer.commit",
    InputAudioCommitted = "input_audio_buffer.committed",
    InputAudioClear = "input_audio_buffer.clear",
    InputAudioCleared = "input_audio_buffer.cleared",
    InputAudioSpeechStarted = "input_audio_buffer.speech_started",
    InputAudioSpeechStopped = "input_audio_buffer.speech_stopped",
    InputAudioTimeoutTriggered = "input_audio_buffer.timeout_triggered",
    OutputAudioClear = "output_audio_buffer.clear",
    OutputAudioStarted = "output_audio_buffer.started",
    OutputAudioStopped = "output_audio_buffer.stopped",
    OutputAudioCleared = "output_audio_buffer.cleared",
    ResponseCancel = "response.cancel",
    ResponseDone = "response.done",
    ResponseOutputAudioDelta = "response.output_audio.delta",
    ResponseOutputAudioDone = "response.output_audio.done",
    ResponseOutputAudioTranscriptDelta = "response.output_audio_transcript.delta",
    ResponseOutputAudioTranscriptDone = "response.output_audio_transcript.done",
    RateLimitsUpdated = "rate_limits.updated",
}

impl EventKind {
    /// Whether the response is over with this event.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Incomplete | Self::Failed | Self::Cancelled | Self::Error
        )
    }

    /// Whether the event carries a piece of text, arguments or audio that the next one continues.
    #[must_use]
    pub fn is_delta(self) -> bool {
        self.as_str().strip_suffix(".delta").is_some()
    }

    /// Whether it speaks of the connection or the account, so that it may come outside a response.
    #[must_use]
    pub fn is_aside(self) -> bool {
        matches!(
            self,
            Self::Metadata | Self::RateLimits | Self::WebSocketTiming
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_kinds_are_one_to_one() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_name(kind.as_str()), *kind);
        }
        for name in ["", "session", "response", "Response.created", "other"] {
            assert_eq!(EventKind::from_name(name), EventKind::Other, "{name}");
        }
    }

    #[test]
    fn what_goes_on_is_a_delta() {
        assert!(EventKind::OutputTextDelta.is_delta());
        assert!(!EventKind::OutputTextDone.is_delta());
        assert!(!EventKind::Other.is_delta());
    }

    #[test]
    fn five_kinds_end_a_response() {
        let terminal: Vec<_> = EventKind::ALL
            .iter()
            .filter(|kind| kind.is_terminal())
            .map(|kind| kind.as_str())
            .collect();
        let expected = [
            "response.completed",
            "response.incomplete",
            "response.failed",
            "response.cancelled",
            "error",
        ];
        assert_eq!(terminal, expected);
    }
}
