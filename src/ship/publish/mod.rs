//! Releases at a store that others download from: versions that never change, and pointers to the
//! newest one that are exchanged last.
//!
//! | module | contents |
//! |---|---|
//! | `address` | `s3://BUCKET/PREFIX`, `file:///DIR`, the name of a channel |
//! | `objects` | the objects of a release, their content types and how long they may be cached |
//! | `channel` | `latest.json`: the versions of a channel, and which one is the latest |
//! | `index` | the index of the channel's registry |
//! | `page` | the page of a channel |
//! | `receipt` | what became of each object |
//! | `hook` | the command that is run after |
//! | `store` | what a store can do; `directory` and `s3` are the two that there are |
//! | `session` | an open store, and the exchange of its small documents |
//! | `probe`, `survey` | what the store can do, and what it has |
//! | `offered` | packages of cargo that the versions of a channel offer |
//! | `pointers` | scripts and page that follow from the latest version |
//! | `run`, `yank` | the publication of a version, and its end |

pub mod address;
pub mod channel;
pub mod codes;
pub mod directory;
pub mod hook;
pub mod index;
pub mod look;
pub mod objects;
pub mod offered;
pub mod page;
pub mod pointers;
pub mod probe;
pub mod receipt;
pub mod run;
pub mod s3;
pub mod session;
pub mod store;
pub mod survey;
pub mod yank;
