//! What a gateway knows about the network: routes, and the group of rules that guards it.

pub mod flows;
pub mod fragments;
pub mod routes;
pub mod rules;
pub mod security_group;
