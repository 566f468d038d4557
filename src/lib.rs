//! A terminal UI traffic inspector for OpenAI's Codex CLI.
//!
//! codextap runs beside Codex. It is a reverse proxy on loopback that forwards Codex's HTTP and
//! WebSocket traffic ([`proxy`]), copies what passes ([`tap`]), decodes it as OpenAI Responses
//! traffic ([`wire`], [`responses`], [`flow`]), writes it to a file ([`capture`]), shows it in a
//! terminal ([`content`], [`app`], [`view`], [`tui`]), and gives it to other tools ([`export`]).
//!
//! Bytes are forwarded first and unchanged; observation happens on copies, behind a channel. From
//! there on everything flows one way: events into the store, the store into documents, documents
//! into cells. Only keys and the outcome of effects flow back. `docs/architecture.md` has the
//! picture, and `tests/layering.rs` keeps the import table true.

pub mod app;
pub mod capture;
pub mod cli;
pub mod config;
pub mod content;
pub mod export;
pub mod filter;
pub mod flow;
pub mod proxy;
pub mod responses;
pub mod tap;
pub mod text;
pub mod tui;
pub mod view;
pub mod wire;
