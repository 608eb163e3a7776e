//! What a gateway knows about the network: routes, and the group of rules that guards it.

mod classifier;
pub mod flow_id;
pub mod flow_table;
pub mod flows;
pub mod fragments;
pub mod route_tables;
pub mod routes;
pub mod rss;
pub mod rule_sets;
pub mod rules;
pub mod security_group;
