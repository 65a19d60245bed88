//! The schema of a class of drives, `flash/*.toml` and `[[profile]]`.

use super::shape::{Key, Shape, Table, opt, req};

/// Keys of a distribution of times, in the order of its quantiles.
pub const TIMES_KEYS: [&str; 6] = ["min", "p50", "p90", "p99", "p999", "max"];

static TIMES: Table = Table {
    name: "times",
    doc: "A distribution of times by quantiles; between two of them it is even.",
    keys: &[
        req(TIMES_KEYS[0], Shape::Duration, "least"),
        opt(TIMES_KEYS[1], Shape::Duration, "half of all are at most this"),
        opt(TIMES_KEYS[2], Shape::Duration, "90 % are"),
        opt(TIMES_KEYS[3], Shape::Duration, "99 % are"),
        opt(TIMES_KEYS[4], Shape::Duration, "99.9 % are"),
        req(TIMES_KEYS[5], Shape::Duration, "greatest"),
    ],
    heads: &[],
    common: &[],
};
static CHIPS: Table = Table {
    name: "chips",
    doc: "The flash chips and how they are organised.",
    keys: &[
        req("channels", Shape::Integer(1, 64), "buses to the chips"),
        req("dies", Shape::Integer(0, 64), "dies on a channel; 0: nothing ever waits for a die"),
        req("page", Shape::Size, "programmed at once"),
        req("pages-per-block", Shape::Integer(1, 65536), "pages erased at once"),
        req("transfer", Shape::Duration, "moving 4 KiB over a channel"),
        req("suspend", Shape::Duration, "cost of a read that finds its die programming; 0ns: it waits"),
        req("spare", Shape::Integer(1, 10_000), "memory beyond the size, in thousandths of it"),
    ],
    heads: &[],
    common: &[],
};
static CACHE: Table = Table {
    name: "cache",
    doc: "The write cache.",
    keys: &[
        req("size", Shape::Size, "what it holds"),
        req("volatile", Shape::Bool, "it loses its content with the power: no capacitors"),
        req("linger", Shape::Duration, "how long data stay in it before they are programmed"),
    ],
    heads: &[],
    common: &[],
};
static WEAR: Table = Table {
    name: "wear",
    doc: "How the medium ages.",
    keys: &[
        req("cycles", Shape::Integer(1, 10_000_000), "rated program and erase cycles"),
        req("read-only", Shape::Integer(0, 1_000), "percentage used at which it refuses writes; 0: never"),
        req(
            "errors",
            Shape::Integer(0, 1_000_000_000),
            "reads of 4 KiB that cannot be corrected, in a thousand millions, for each percent beyond 100",
        ),
        req(
            "disturb",
            Shape::Integer(0, u32::MAX as i64),
            "reads of 4 MiB after which it is rewritten; 0: never",
        ),
    ],
    heads: &[],
    common: &[],
};
static SOURCE: Table = Table {
    name: "source",
    doc: "Where numbers come from.",
    keys: &[
        req("of", Shape::Texts, "the parts of the class it is about"),
        req("document", Shape::Text, "document and figure; `assumed` if there is none"),
        req("says", Shape::Text, "what it says, and what was made of it"),
    ],
    heads: &[],
    common: &[],
};

const KEYS: &[Key] = &[
    req("name", Shape::Text, "its name in `lun = [{ profile = … }]`"),
    opt("about", Shape::Text, "what it is"),
    req("chips", Shape::Table(&CHIPS), "the chips"),
    req("read", Shape::Table(&TIMES), "reading a page, with the controller's work"),
    req("program", Shape::Table(&TIMES), "programming a page"),
    req("erase", Shape::Table(&TIMES), "erasing a block"),
    req(
        "collect",
        Shape::Table(&TIMES),
        "pause of a die for garbage collection, at a write amplification of 2",
    ),
    req("cache", Shape::Table(&CACHE), "the write cache"),
    req("accept", Shape::Table(&TIMES), "from a write's data to its acknowledgement by the cache"),
    req("wear", Shape::Table(&WEAR), "how it ages"),
    req("start", Shape::Duration, "from power on until it is ready"),
    req("temperature", Shape::Integer(0, 120), "degrees Celsius"),
    opt("source", Shape::Tables(&SOURCE), "where the numbers come from"),
];

/// A class of drives.
pub static DRIVE: Table = Table {
    name: "profile",
    doc: "A class of drives: how fast it is, what its cache may lose, how it ages.",
    keys: KEYS,
    heads: &[],
    common: &[],
};
