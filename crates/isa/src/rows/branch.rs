//! Branches and condition-register logic.

/// Rows of the group `Branch`.
#[macro_export]
#[rustfmt::skip]
macro_rules! rows_branch {
    ($cb:ident) => { $cb! { Branch;
        b           "010010 llllllllllllllllllllllll A k"      "b{k}{A} target"                   "I 2.4";
        bc          "010000 ooooo iiiii dddddddddddddd A k"    "bc{k}{A} BO,BI,target"            "I 2.4";
        bclr        "010011 ooooo iiiii /// hh 0000010000 k"   "bclr{k} BO,BI,BH"                 "I 2.4";
        bcctr       "010011 ooooo iiiii /// hh 1000010000 k"   "bcctr{k} BO,BI,BH"                "I 2.4";
        bctar       "010011 ooooo iiiii /// hh 1000110000 k"   "bctar{k} BO,BI,BH"                "I 2.4";
        crand       "010011 ttttt aaaaa bbbbb 0100000001 /"    "crand BT,BA,BB"                   "I 2.5";
        crandc      "010011 ttttt aaaaa bbbbb 0010000001 /"    "crandc BT,BA,BB"                  "I 2.5";
        creqv       "010011 ttttt aaaaa bbbbb 0100100001 /"    "creqv BT,BA,BB"                   "I 2.5";
        crnand      "010011 ttttt aaaaa bbbbb 0011100001 /"    "crnand BT,BA,BB"                  "I 2.5";
        crnor       "010011 ttttt aaaaa bbbbb 0000100001 /"    "crnor BT,BA,BB"                   "I 2.5";
        cror        "010011 ttttt aaaaa bbbbb 0111000001 /"    "cror BT,BA,BB"                    "I 2.5";
        crorc       "010011 ttttt aaaaa bbbbb 0110100001 /"    "crorc BT,BA,BB"                   "I 2.5";
        crxor       "010011 ttttt aaaaa bbbbb 0011000001 /"    "crxor BT,BA,BB"                   "I 2.5";
        mcrf        "010011 fff // ggg // ///// 0000000000 /"  "mcrf BF,BFA"                      "I 2.5";
    }};
}
