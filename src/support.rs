//! What this project's own tests and benches use beside the public face. Anything here may change at any time.
//!
//! rustc sees that an item is dead when nothing in the crate uses it and it is not listed here.
#![allow(missing_docs)]

/// The macro `call` of the scenarios, for the scenarios of tests.
#[doc(hidden)]
#[macro_export]
macro_rules! raw_call {
    ($name:ident $(, $arg:expr)* $(,)?) => {
        $crate::support::child::scenario::raw(
            stringify!($name),
            &[$($crate::support::child::scenario::Word::word($arg)),*],
        )
    };
}

pub mod base {
    pub mod error {
        pub use crate::base::error::{Error, Exit};
    }
    pub mod limit {
        pub use crate::base::limit::Limit;
    }
    pub mod place {
        pub use crate::base::place::{Folder, create};
    }
    pub mod tell {
        pub use crate::base::tell::StandardStream;
    }
}
pub mod table {
    pub mod blocks {
        pub use crate::table::blocks::{What, of, part};
    }
    pub mod names {
        pub use crate::table::names::CLONE;
    }
    pub mod netlink {
        pub use crate::table::netlink::TABLES;
    }
    pub mod syscalls {
        pub use crate::table::syscalls::{Abi, Class, REQUESTS, Ret, Role, Sqe, Syscall};
    }
    pub mod kind {
        pub use crate::table::kind::Kind;
    }
}
pub mod charts {
    pub use crate::charts::{ChartFiles, ChartPage, Charts, chart_page};
}
pub mod trace {
    pub mod testimony {
        pub use crate::trace::testimony::{Leads, Seen, Testimony};
    }
    pub mod call {
        pub use crate::trace::call::{
            Attribute, Bytes, Call, Contradiction, Data, Deed, Files, Identity, Outcome, RingRequest, Text,
        };
    }
    pub mod counts {
        pub use crate::trace::counts::Counts;
    }
    pub mod whole {
        pub use crate::trace::whole::Trace;
    }
    pub mod record {
        pub use crate::trace::record::{Record, decode, encode};
    }
    pub mod decoder {
        pub use crate::trace::decoder::{Assembly, assemble};
    }
    pub mod show {
        pub use crate::trace::show::{Detail, call, call_in, line, trace};
    }
}
pub mod child {
    pub mod command {
        pub use crate::child::command::CommandLine;
    }
    pub mod scenario {
        pub use crate::child::scenario::{Broken, Scenario, Setup, Word, act, ensure, raw, returns};
        pub use crate::raw_call as call;
    }
    pub mod zygote {
        pub use crate::child::zygote::Zygote;
    }
    pub mod ending {
        pub use crate::child::ending::{Ending, How, Phase};
    }
    pub mod scenarios {
        pub use crate::child::scenarios::all;
    }
}
pub mod watch {
    pub mod tracer {
        pub use crate::watch::tracer::{Extent, MOST_DATA, RING_SIZE, Tracer, TracerOptions, check_machine};
    }
    pub mod witness {
        pub use crate::watch::witness::Witness;
    }
}
pub mod runs {
    pub use crate::runs::RunRecord;
}
pub mod judge {
    pub mod bless {
        pub use crate::judge::bless::blessed;
    }
    pub mod coverage {
        pub use crate::judge::coverage::{Coverage, text};
    }
    pub mod expectation {
        pub use crate::judge::expectation::{Body, Expectation, Expectations, WantedBytes, WantedFile};
    }
    pub mod verdict {
        pub use crate::judge::verdict::{Observed, Verdict, judge};
    }
    pub mod report {
        pub use crate::judge::report::{
            AgreementFailure, Failure, Report, before_gate, disagreement, failure, inconclusive,
        };
    }
    pub mod agreement {
        pub use crate::judge::agreement::{Discrepancy, compare};
    }
    pub mod matcher {
        pub use crate::judge::matcher::{Difference, FieldDifference, compare, ending};
    }
}
pub mod archive {
    pub use crate::archive::{
        Archive, BadArchive, Origin, SUFFIX, check, decode, difference, encode, load, prepare, save,
    };
}
pub mod subject {
    pub use crate::subject::{Line, Profile, Said, Scope, Shown, Subject, Value, Waited, Watching, Wrongness};
    pub mod conformance {
        pub use crate::subject::conformance::{About, Mark, Sum, Table};
        pub mod page {
            pub use crate::subject::conformance::page::page;
        }
        pub mod files {
            pub use crate::subject::conformance::files::{JSON, MARKDOWN, PAGE, prepare, write};
        }
        pub mod json {
            pub use crate::subject::conformance::json::{json, parse};
        }
        pub mod markdown {
            pub use crate::subject::conformance::markdown::markdown;
        }
        pub mod progress {
            pub use crate::subject::conformance::progress::progress;
        }
        pub mod text {
            pub use crate::subject::conformance::text::text;
        }
    }
    pub mod object {
        pub use crate::subject::object::ObjectSubject;
        pub mod decode {
            pub use crate::subject::object::decode::{BufferKind, ObjectDecoder, decode};
        }
        pub mod types {
            pub use crate::subject::object::types::{StructOfObject, check};
        }
    }
    pub mod toml {
        pub use crate::subject::toml::{
            AdapterChoice, BUILT_IN, CallBy, Definition, FILES, HowRun, Lifetime, RecordFormat, Stream, built_in,
        };
    }
    pub mod window {
        pub use crate::subject::window::{FenceKind, Fences, Window};
    }
    pub mod process {
        pub use crate::subject::process::Running;
    }
    pub mod json {
        pub use crate::subject::json::{Line, of_call, read, write, write_line};
    }
    pub mod cell {
        pub use crate::subject::cell::{Cell, Found, word};
    }
    pub mod judge {
        pub use crate::subject::judge::{KnownFault, SubjectVerdict};
    }
    pub mod claims {
        pub use crate::subject::claims::{CallOrder, Calls, Claims, Interrupted, Moment, Paths, takes_part};
    }
    pub mod compare {
        pub use crate::subject::compare::{Compared, Finding, SubjectComparison, compare};
    }
    pub mod adapters {
        pub use crate::subject::adapters::{NAMES, by_name, of_files};
    }
    pub mod schema {
        pub use crate::subject::schema::{schema, text};
    }
    pub mod collector {
        pub use crate::subject::collector::Collector;
    }
}
pub mod session {
    pub use crate::session::{Options, Prepared, ScenarioRun, Session};
}
pub mod cli {
    pub use crate::cli::main_of_test_target;
}
