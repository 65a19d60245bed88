//! The part of the table of clients that nobody can be compared with: our own programs, and fio on a drive that corrupts data.

use super::table::{Client, client};

/// Our own programs: nobody else has these calls (docs/guest-protocol.md, sections 9 and 10).
pub const SUPERPIPE: &[Client] = &[
    client(
        "superpipe",
        "every superpipe call, right and wrong; virtual LUNs, clones, several processes; I/O against the block path",
        "[ $variant = flashgt+ ] && set -- sq; exec /bin/superpipe $*",
    )
    .says(&[
        "ok op=manage",
        "ok op=headers",
        "ok op=attach",
        "ok op=handles",
        "ok op=direct",
        "ok op=virtual",
        "ok op=small-blocks",
        "ok op=verify",
        "ok op=recover",
        "ok op=wipe",
        "ok op=clone",
        "ok op=processes",
        "verdict result=pass",
    ])
    .quick(),
    client(
        "superpipe-host",
        "the calls of the card, right and wrong: LUN provisioning, AFU debug",
        "set -- ports=2; [ $variant = flashgt+ ] && set -- ports=4 provision debug
case $variant in corsa|legacy) set -- $* units=2;; *) set -- $* units=1;; esac; exec /bin/cardcheck $* ioctls",
    )
    .says(&["ok op=ioctls", "verdict result=pass"]),
];

/// Data that goes wrong in the drive without a word: a check that cannot fail proves nothing.
macro_rules! corruption {
    ($way:literal, $offset:literal) => {
        client(
            concat!("fio-catches-", $way),
            concat!("fio fails: crc32c, and one ", $way, " block in the drive"),
            concat!(
                "{fio} --name=t --filename=$disk --direct=1 --ioengine=libaio --offset=", $offset, "M --size=1M --bs=4k --randseed=7",
                " --verify=crc32c --verify_fatal=1 --rw=write --iodepth=8 >/tmp/fio.log 2>&1\n",
                "status=$?; grep -o 'verify: bad[^,]*' /tmp/fio.log; grep -o 'crc32c: verify failed[^,]*' /tmp/fio.log\n",
                "grep -o 'err= *[0-9]*' /tmp/fio.log; exit $status"
            ),
        )
        .status(1)
        .says(&["verif", "err=84"])
    };
}

/// A drive that corrupts data, and fio on it.
pub const CORRUPTION: &[Client] = &[
    client(
        "fio-before",
        "fio passes on the same drive as long as nothing is wrong",
        "{fio} --name=t --filename=$disk --direct=1 --ioengine=libaio --size=1M --bs=4k --verify=crc32c --verify_fatal=1 \
--rw=write --iodepth=8 >/tmp/fio.log 2>&1
status=$?; grep -o 'err= *[0-9]*' /tmp/fio.log; exit $status",
    )
    .says(&["err= 0"]),
    corruption!("lost", "16"),
    corruption!("torn", "32"),
    corruption!("misdirected", "48"),
    corruption!("stale", "64"),
    corruption!("bit-flip", "80").quick(),
];
/// What begins with which client.
pub const CORRUPTIONS: &[(&str, &str)] = &[
    ("fio-catches-lost", "fault = \"write-lost\", way = \"lost\", nth = 20"),
    ("fio-catches-torn", "fault = \"write-lost\", way = \"torn\", nth = 20"),
    ("fio-catches-misdirected", "fault = \"write-lost\", way = \"misdirected\", nth = 20"),
    ("fio-catches-stale", "fault = \"write-lost\", way = \"stale\", nth = 20"),
    ("fio-catches-bit-flip", "fault = \"write-lost\", way = \"bit-flip\", nth = 20"),
];
