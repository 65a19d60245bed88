//! Vector-scalar facility (VSX).

/// Rows of the group `Vsx`.
#[macro_export]
#[rustfmt::skip]
macro_rules! rows_vsx {
    ($cb:ident) => { $cb! { Vsx;
        xxland        "111100 ttttt aaaaa bbbbb 10000010 A B T"          "xxland XT,XA,XB"                      "I 7.6.3";
        xxlandc       "111100 ttttt aaaaa bbbbb 10001010 A B T"          "xxlandc XT,XA,XB"                     "I 7.6.3";
        xxleqv        "111100 ttttt aaaaa bbbbb 10111010 A B T"          "xxleqv XT,XA,XB"                      "I 7.6.3";
        xxlnand       "111100 ttttt aaaaa bbbbb 10110010 A B T"          "xxlnand XT,XA,XB"                     "I 7.6.3";
        xxlnor        "111100 ttttt aaaaa bbbbb 10100010 A B T"          "xxlnor XT,XA,XB"                      "I 7.6.3";
        xxlor         "111100 ttttt aaaaa bbbbb 10010010 A B T"          "xxlor XT,XA,XB"                       "I 7.6.3";
        xxlorc        "111100 ttttt aaaaa bbbbb 10101010 A B T"          "xxlorc XT,XA,XB"                      "I 7.6.3";
        xxlxor        "111100 ttttt aaaaa bbbbb 10011010 A B T"          "xxlxor XT,XA,XB"                      "I 7.6.3";
        xxmrghw       "111100 ttttt aaaaa bbbbb 00010010 A B T"          "xxmrghw XT,XA,XB"                     "I 7.6.3";
        xxmrglw       "111100 ttttt aaaaa bbbbb 00110010 A B T"          "xxmrglw XT,XA,XB"                     "I 7.6.3";
        xxperm        "111100 ttttt aaaaa bbbbb 00011010 A B T"          "xxperm XT,XA,XB"                      "I 7.6.3";
        xxpermr       "111100 ttttt aaaaa bbbbb 00111010 A B T"          "xxpermr XT,XA,XB"                     "I 7.6.3";
        xxpermdi      "111100 ttttt aaaaa bbbbb 0 dd 01010 A B T"        "xxpermdi XT,XA,XB,DM"                 "I 7.6.3";
        xxsldwi       "111100 ttttt aaaaa bbbbb 0 dd 00010 A B T"        "xxsldwi XT,XA,XB,SHW"                 "I 7.6.3";
        xxsel         "111100 ttttt aaaaa bbbbb ccccc 11 C A B T"        "xxsel XT,XA,XB,XC"                    "I 7.6.3";
        xxspltw       "111100 ttttt /// uu bbbbb 010100100 B T"          "xxspltw XT,XB,UIM"                    "I 7.6.3";
        xxspltib      "111100 ttttt 00 iiiiiiii 0101101000 T"            "xxspltib XT,IMM8"                     "I 7.6.3";
        xxbrh         "111100 ttttt 00111 bbbbb 111011011 B T"           "xxbrh XT,XB"                          "I 7.6.3";
        xxbrw         "111100 ttttt 01111 bbbbb 111011011 B T"           "xxbrw XT,XB"                          "I 7.6.3";
        xxbrd         "111100 ttttt 10111 bbbbb 111011011 B T"           "xxbrd XT,XB"                          "I 7.6.3";
        xxbrq         "111100 ttttt 11111 bbbbb 111011011 B T"           "xxbrq XT,XB"                          "I 7.6.3";
        xxextractuw   "111100 ttttt / uuuu bbbbb 010100101 B T"          "xxextractuw XT,XB,UIM"                "I 7.6.3";
        xxinsertw     "111100 ttttt / uuuu bbbbb 010110101 B T"          "xxinsertw XT,XB,UIM"                  "I 7.6.3";
        mfvsrd        "011111 sssss aaaaa ///// 0000110011 T"            "mfvsrd RA,XS"                         "I 7.6.3";
        mfvsrwz       "011111 sssss aaaaa ///// 0001110011 T"            "mfvsrwz RA,XS"                        "I 7.6.3";
        mfvsrld       "011111 sssss aaaaa ///// 0100110011 T"            "mfvsrld RA,XS"                        "I 7.6.3";
        mtvsrd        "011111 ttttt aaaaa ///// 0010110011 T"            "mtvsrd XT,RA"                         "I 7.6.3";
        mtvsrwa       "011111 ttttt aaaaa ///// 0011010011 T"            "mtvsrwa XT,RA"                        "I 7.6.3";
        mtvsrwz       "011111 ttttt aaaaa ///// 0011110011 T"            "mtvsrwz XT,RA"                        "I 7.6.3";
        mtvsrws       "011111 ttttt aaaaa ///// 0110010011 T"            "mtvsrws XT,RA"                        "I 7.6.3";
        mtvsrdd       "011111 ttttt aaaaa bbbbb 0110110011 T"            "mtvsrdd XT,RA|0,RB"                   "I 7.6.3";
    }};
}
