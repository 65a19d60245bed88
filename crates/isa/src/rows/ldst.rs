//! Loads, stores, atomics, cache management, barriers.

/// Rows of the group `Ldst`.
#[macro_export]
#[rustfmt::skip]
macro_rules! rows_ldst {
    ($cb:ident) => { $cb! { Ldst;
        // Fixed-point loads.
        lbz         "100010 ttttt aaaaa dddddddddddddddd"      "lbz RT,D(RA|0)"                   "I 3.3.2";
        lbzu        "100011 ttttt aaaaa dddddddddddddddd"      "lbzu RT,D(RA)"                    "I 3.3.2";
        lhz         "101000 ttttt aaaaa dddddddddddddddd"      "lhz RT,D(RA|0)"                   "I 3.3.2";
        lhzu        "101001 ttttt aaaaa dddddddddddddddd"      "lhzu RT,D(RA)"                    "I 3.3.2";
        lha         "101010 ttttt aaaaa dddddddddddddddd"      "lha RT,D(RA|0)"                   "I 3.3.2";
        lhau        "101011 ttttt aaaaa dddddddddddddddd"      "lhau RT,D(RA)"                    "I 3.3.2";
        lwz         "100000 ttttt aaaaa dddddddddddddddd"      "lwz RT,D(RA|0)"                   "I 3.3.2";
        lwzu        "100001 ttttt aaaaa dddddddddddddddd"      "lwzu RT,D(RA)"                    "I 3.3.2";
        lwa         "111010 ttttt aaaaa dddddddddddddd 10"     "lwa RT,DS(RA|0)"                  "I 3.3.2";
        ld          "111010 ttttt aaaaa dddddddddddddd 00"     "ld RT,DS(RA|0)"                   "I 3.3.2";
        ldu         "111010 ttttt aaaaa dddddddddddddd 01"     "ldu RT,DS(RA)"                    "I 3.3.2";
        lbzx        "011111 ttttt aaaaa bbbbb 0001010111 /"    "lbzx RT,RA|0,RB"                  "I 3.3.2";
        lbzux       "011111 ttttt aaaaa bbbbb 0001110111 /"    "lbzux RT,RA,RB"                   "I 3.3.2";
        lhzx        "011111 ttttt aaaaa bbbbb 0100010111 /"    "lhzx RT,RA|0,RB"                  "I 3.3.2";
        lhzux       "011111 ttttt aaaaa bbbbb 0100110111 /"    "lhzux RT,RA,RB"                   "I 3.3.2";
        lhax        "011111 ttttt aaaaa bbbbb 0101010111 /"    "lhax RT,RA|0,RB"                  "I 3.3.2";
        lhaux       "011111 ttttt aaaaa bbbbb 0101110111 /"    "lhaux RT,RA,RB"                   "I 3.3.2";
        lwzx        "011111 ttttt aaaaa bbbbb 0000010111 /"    "lwzx RT,RA|0,RB"                  "I 3.3.2";
        lwzux       "011111 ttttt aaaaa bbbbb 0000110111 /"    "lwzux RT,RA,RB"                   "I 3.3.2";
        lwax        "011111 ttttt aaaaa bbbbb 0101010101 /"    "lwax RT,RA|0,RB"                  "I 3.3.2";
        lwaux       "011111 ttttt aaaaa bbbbb 0101110101 /"    "lwaux RT,RA,RB"                   "I 3.3.2";
        ldx         "011111 ttttt aaaaa bbbbb 0000010101 /"    "ldx RT,RA|0,RB"                   "I 3.3.2";
        ldux        "011111 ttttt aaaaa bbbbb 0000110101 /"    "ldux RT,RA,RB"                    "I 3.3.2";
        // Fixed-point stores.
        stb         "100110 sssss aaaaa dddddddddddddddd"      "stb RS,D(RA|0)"                   "I 3.3.3";
        stbu        "100111 sssss aaaaa dddddddddddddddd"      "stbu RS,D(RA)"                    "I 3.3.3";
        sth         "101100 sssss aaaaa dddddddddddddddd"      "sth RS,D(RA|0)"                   "I 3.3.3";
        sthu        "101101 sssss aaaaa dddddddddddddddd"      "sthu RS,D(RA)"                    "I 3.3.3";
        stw         "100100 sssss aaaaa dddddddddddddddd"      "stw RS,D(RA|0)"                   "I 3.3.3";
        stwu        "100101 sssss aaaaa dddddddddddddddd"      "stwu RS,D(RA)"                    "I 3.3.3";
        std         "111110 sssss aaaaa dddddddddddddd 00"     "std RS,DS(RA|0)"                  "I 3.3.3";
        stdu        "111110 sssss aaaaa dddddddddddddd 01"     "stdu RS,DS(RA)"                   "I 3.3.3";
        stbx        "011111 sssss aaaaa bbbbb 0011010111 /"    "stbx RS,RA|0,RB"                  "I 3.3.3";
        stbux       "011111 sssss aaaaa bbbbb 0011110111 /"    "stbux RS,RA,RB"                   "I 3.3.3";
        sthx        "011111 sssss aaaaa bbbbb 0110010111 /"    "sthx RS,RA|0,RB"                  "I 3.3.3";
        sthux       "011111 sssss aaaaa bbbbb 0110110111 /"    "sthux RS,RA,RB"                   "I 3.3.3";
        stwx        "011111 sssss aaaaa bbbbb 0010010111 /"    "stwx RS,RA|0,RB"                  "I 3.3.3";
        stwux       "011111 sssss aaaaa bbbbb 0010110111 /"    "stwux RS,RA,RB"                   "I 3.3.3";
        stdx        "011111 sssss aaaaa bbbbb 0010010101 /"    "stdx RS,RA|0,RB"                  "I 3.3.3";
        stdux       "011111 sssss aaaaa bbbbb 0010110101 /"    "stdux RS,RA,RB"                   "I 3.3.3";
        // Quadword, byte-reversed, multiple, string.
        lq          "111000 ttttt aaaaa dddddddddddd ////"     "lq RTp,DQ(RA|0)"                  "I 3.3.4";
        stq         "111110 sssss aaaaa dddddddddddddd 10"     "stq RSp,DS(RA|0)"                 "I 3.3.4";
        lhbrx       "011111 ttttt aaaaa bbbbb 1100010110 /"    "lhbrx RT,RA|0,RB"                 "I 3.3.5";
        lwbrx       "011111 ttttt aaaaa bbbbb 1000010110 /"    "lwbrx RT,RA|0,RB"                 "I 3.3.5";
        ldbrx       "011111 ttttt aaaaa bbbbb 1000010100 /"    "ldbrx RT,RA|0,RB"                 "I 3.3.5";
        sthbrx      "011111 sssss aaaaa bbbbb 1110010110 /"    "sthbrx RS,RA|0,RB"                "I 3.3.5";
        stwbrx      "011111 sssss aaaaa bbbbb 1010010110 /"    "stwbrx RS,RA|0,RB"                "I 3.3.5";
        stdbrx      "011111 sssss aaaaa bbbbb 1010010100 /"    "stdbrx RS,RA|0,RB"                "I 3.3.5";
        lmw         "101110 ttttt aaaaa dddddddddddddddd"      "lmw RT,D(RA|0)"                   "I 3.3.6";
        stmw        "101111 sssss aaaaa dddddddddddddddd"      "stmw RS,D(RA|0)"                  "I 3.3.6";
        lswi        "011111 ttttt aaaaa nnnnn 1001010101 /"    "lswi RT,RA|0,NB"                  "I 3.3.7";
        lswx        "011111 ttttt aaaaa bbbbb 1000010101 /"    "lswx RT,RA|0,RB"                  "I 3.3.7";
        stswi       "011111 sssss aaaaa nnnnn 1011010101 /"    "stswi RS,RA|0,NB"                 "I 3.3.7";
        stswx       "011111 sssss aaaaa bbbbb 1010010101 /"    "stswx RS,RA|0,RB"                 "I 3.3.7";
        // Load and reserve, store conditional.
        lbarx       "011111 ttttt aaaaa bbbbb 0000110100 e"    "lbarx RT,RA|0,RB,EH"              "II 4.6.2";
        lharx       "011111 ttttt aaaaa bbbbb 0001110100 e"    "lharx RT,RA|0,RB,EH"              "II 4.6.2";
        lwarx       "011111 ttttt aaaaa bbbbb 0000010100 e"    "lwarx RT,RA|0,RB,EH"              "II 4.6.2";
        ldarx       "011111 ttttt aaaaa bbbbb 0001010100 e"    "ldarx RT,RA|0,RB,EH"              "II 4.6.2";
        lqarx       "011111 ttttt aaaaa bbbbb 0100010100 e"    "lqarx RTp,RA|0,RB,EH"             "II 4.6.2";
        stbcx       "011111 sssss aaaaa bbbbb 1010110110 1"    "stbcx. RS,RA|0,RB"                "II 4.6.2";
        sthcx       "011111 sssss aaaaa bbbbb 1011010110 1"    "sthcx. RS,RA|0,RB"                "II 4.6.2";
        stwcx       "011111 sssss aaaaa bbbbb 0010010110 1"    "stwcx. RS,RA|0,RB"                "II 4.6.2";
        stdcx       "011111 sssss aaaaa bbbbb 0011010110 1"    "stdcx. RS,RA|0,RB"                "II 4.6.2";
        stqcx       "011111 sssss aaaaa bbbbb 0010110110 1"    "stqcx. RSp,RA|0,RB"               "II 4.6.2";
        // Atomic memory operations.
        lwat        "011111 ttttt aaaaa ccccc 1001000110 /"    "lwat RT,RA|0,FC"                  "II 4.5";
        ldat        "011111 ttttt aaaaa ccccc 1001100110 /"    "ldat RT,RA|0,FC"                  "II 4.5";
        stwat       "011111 sssss aaaaa ccccc 1011000110 /"    "stwat RS,RA|0,FC"                 "II 4.5";
        stdat       "011111 sssss aaaaa ccccc 1011100110 /"    "stdat RS,RA|0,FC"                 "II 4.5";
        // Cache management, copy and paste.
        icbi        "011111 ///// aaaaa bbbbb 1111010110 /"    "icbi RA|0,RB"                     "II 4.3";
        icbt        "011111 /cccc aaaaa bbbbb 0000010110 /"    "icbt CT,RA|0,RB"                  "II 4.3";
        dcbt        "011111 hhhhh aaaaa bbbbb 0100010110 /"    "dcbt RA|0,RB,TH"                  "II 4.3";
        dcbtst      "011111 hhhhh aaaaa bbbbb 0011110110 /"    "dcbtst RA|0,RB,TH"                "II 4.3";
        dcbz        "011111 ///// aaaaa bbbbb 1111110110 /"    "dcbz RA|0,RB"                     "II 4.3";
        dcbst       "011111 ///// aaaaa bbbbb 0000110110 /"    "dcbst RA|0,RB"                    "II 4.3";
        dcbf        "011111 ///ll aaaaa bbbbb 0001010110 /"    "dcbf RA|0,RB,L"                   "II 4.3";
        dst         "011111 x // yy aaaaa bbbbb 0101010110 /"  "dst{x} RA|0,RB,STRM"              "II 4.3";
        dstst       "011111 x // yy aaaaa bbbbb 0101110110 /"  "dstst{x} RA|0,RB,STRM"            "II 4.3";
        dss         "011111 z // yy ///// ///// 1100110110 /"  "dss{z} STRM"                      "II 4.3";
        copy        "011111 //// 1 aaaaa bbbbb 1100000110 /"   "copy RA|0,RB"                     "II 4.4";
        paste       "011111 //// 1 aaaaa bbbbb 1110000110 1"   "paste. RA|0,RB"                   "II 4.4";
        cp_abort    "011111 ///// ///// ///// 1101000110 /"    "cp_abort"                         "II 4.4";
        // Barriers.
        isync       "010011 ///// ///// ///// 0010010110 /"    "isync"                            "II 4.6";
        sync        "011111 ///ll ///// ///// 1001010110 /"    "sync L"                           "II 4.6";
        eieio       "011111 ///// ///// ///// 1101010110 /"    "eieio"                            "II 4.6";
        wait        "011111 ///ww ///// ///// 0000011110 /"    "wait WC"                          "II 4.6";
        // Floating-point loads and stores.
        lfs         "110000 ttttt aaaaa dddddddddddddddd"      "lfs FRT,D(RA|0)"                  "I 4.6.2";
        lfsu        "110001 ttttt aaaaa dddddddddddddddd"      "lfsu FRT,D(RA)"                   "I 4.6.2";
        lfd         "110010 ttttt aaaaa dddddddddddddddd"      "lfd FRT,D(RA|0)"                  "I 4.6.2";
        lfdu        "110011 ttttt aaaaa dddddddddddddddd"      "lfdu FRT,D(RA)"                   "I 4.6.2";
        lfsx        "011111 ttttt aaaaa bbbbb 1000010111 /"    "lfsx FRT,RA|0,RB"                 "I 4.6.2";
        lfsux       "011111 ttttt aaaaa bbbbb 1000110111 /"    "lfsux FRT,RA,RB"                  "I 4.6.2";
        lfdx        "011111 ttttt aaaaa bbbbb 1001010111 /"    "lfdx FRT,RA|0,RB"                 "I 4.6.2";
        lfdux       "011111 ttttt aaaaa bbbbb 1001110111 /"    "lfdux FRT,RA,RB"                  "I 4.6.2";
        lfiwax      "011111 ttttt aaaaa bbbbb 1101010111 /"    "lfiwax FRT,RA|0,RB"               "I 4.6.2";
        lfiwzx      "011111 ttttt aaaaa bbbbb 1101110111 /"    "lfiwzx FRT,RA|0,RB"               "I 4.6.2";
        stfs        "110100 sssss aaaaa dddddddddddddddd"      "stfs FRS,D(RA|0)"                 "I 4.6.3";
        stfsu       "110101 sssss aaaaa dddddddddddddddd"      "stfsu FRS,D(RA)"                  "I 4.6.3";
        stfd        "110110 sssss aaaaa dddddddddddddddd"      "stfd FRS,D(RA|0)"                 "I 4.6.3";
        stfdu       "110111 sssss aaaaa dddddddddddddddd"      "stfdu FRS,D(RA)"                  "I 4.6.3";
        stfsx       "011111 sssss aaaaa bbbbb 1010010111 /"    "stfsx FRS,RA|0,RB"                "I 4.6.3";
        stfsux      "011111 sssss aaaaa bbbbb 1010110111 /"    "stfsux FRS,RA,RB"                 "I 4.6.3";
        stfdx       "011111 sssss aaaaa bbbbb 1011010111 /"    "stfdx FRS,RA|0,RB"                "I 4.6.3";
        stfdux      "011111 sssss aaaaa bbbbb 1011110111 /"    "stfdux FRS,RA,RB"                 "I 4.6.3";
        stfiwx      "011111 sssss aaaaa bbbbb 1111010111 /"    "stfiwx FRS,RA|0,RB"               "I 4.6.3";
        lfdp        "111001 ttttt aaaaa dddddddddddddd 00"     "lfdp FRTp,DS(RA|0)"               "I 4.6.4";
        lfdpx       "011111 ttttt aaaaa bbbbb 1100010111 /"    "lfdpx FRTp,RA|0,RB"               "I 4.6.4";
        stfdp       "111101 sssss aaaaa dddddddddddddd 00"     "stfdp FRSp,DS(RA|0)"              "I 4.6.4";
        stfdpx      "011111 sssss aaaaa bbbbb 1110010111 /"    "stfdpx FRSp,RA|0,RB"              "I 4.6.4";
        // Vector loads and stores.
        lvebx       "011111 ttttt aaaaa bbbbb 0000000111 /"    "lvebx VRT,RA|0,RB"                "I 6.7";
        lvehx       "011111 ttttt aaaaa bbbbb 0000100111 /"    "lvehx VRT,RA|0,RB"                "I 6.7";
        lvewx       "011111 ttttt aaaaa bbbbb 0001000111 /"    "lvewx VRT,RA|0,RB"                "I 6.7";
        lvx         "011111 ttttt aaaaa bbbbb 0001100111 /"    "lvx VRT,RA|0,RB"                  "I 6.7";
        lvxl        "011111 ttttt aaaaa bbbbb 0101100111 /"    "lvxl VRT,RA|0,RB"                 "I 6.7";
        lvsl        "011111 ttttt aaaaa bbbbb 0000000110 /"    "lvsl VRT,RA|0,RB"                 "I 6.7";
        lvsr        "011111 ttttt aaaaa bbbbb 0000100110 /"    "lvsr VRT,RA|0,RB"                 "I 6.7";
        stvebx      "011111 sssss aaaaa bbbbb 0010000111 /"    "stvebx VRS,RA|0,RB"               "I 6.7";
        stvehx      "011111 sssss aaaaa bbbbb 0010100111 /"    "stvehx VRS,RA|0,RB"               "I 6.7";
        stvewx      "011111 sssss aaaaa bbbbb 0011000111 /"    "stvewx VRS,RA|0,RB"               "I 6.7";
        stvx        "011111 sssss aaaaa bbbbb 0011100111 /"    "stvx VRS,RA|0,RB"                 "I 6.7";
        stvxl       "011111 sssss aaaaa bbbbb 0111100111 /"    "stvxl VRS,RA|0,RB"                "I 6.7";
        // VSX loads and stores.
        lxv         "111101 ttttt aaaaa dddddddddddd T 001"    "lxv XT,DQ(RA|0)"                  "I 7.6.3";
        lxsd        "111001 ttttt aaaaa dddddddddddddd 10"     "lxsd VRT,DS(RA|0)"                "I 7.6.3";
        lxssp       "111001 ttttt aaaaa dddddddddddddd 11"     "lxssp VRT,DS(RA|0)"               "I 7.6.3";
        lxvx        "011111 ttttt aaaaa bbbbb 0100 / 01100 T"  "lxvx XT,RA|0,RB"                  "I 7.6.3";
        lxvd2x      "011111 ttttt aaaaa bbbbb 1101001100 T"    "lxvd2x XT,RA|0,RB"                "I 7.6.3";
        lxvw4x      "011111 ttttt aaaaa bbbbb 1100001100 T"    "lxvw4x XT,RA|0,RB"                "I 7.6.3";
        lxvh8x      "011111 ttttt aaaaa bbbbb 1100101100 T"    "lxvh8x XT,RA|0,RB"                "I 7.6.3";
        lxvb16x     "011111 ttttt aaaaa bbbbb 1101101100 T"    "lxvb16x XT,RA|0,RB"               "I 7.6.3";
        lxvdsx      "011111 ttttt aaaaa bbbbb 0101001100 T"    "lxvdsx XT,RA|0,RB"                "I 7.6.3";
        lxvwsx      "011111 ttttt aaaaa bbbbb 0101101100 T"    "lxvwsx XT,RA|0,RB"                "I 7.6.3";
        lxvl        "011111 ttttt aaaaa bbbbb 0100001101 T"    "lxvl XT,RA|0,RB"                  "I 7.6.3";
        lxvll       "011111 ttttt aaaaa bbbbb 0100101101 T"    "lxvll XT,RA|0,RB"                 "I 7.6.3";
        lxsdx       "011111 ttttt aaaaa bbbbb 1001001100 T"    "lxsdx XT,RA|0,RB"                 "I 7.6.3";
        lxsspx      "011111 ttttt aaaaa bbbbb 1000001100 T"    "lxsspx XT,RA|0,RB"                "I 7.6.3";
        lxsiwax     "011111 ttttt aaaaa bbbbb 0001001100 T"    "lxsiwax XT,RA|0,RB"               "I 7.6.3";
        lxsiwzx     "011111 ttttt aaaaa bbbbb 0000001100 T"    "lxsiwzx XT,RA|0,RB"               "I 7.6.3";
        lxsibzx     "011111 ttttt aaaaa bbbbb 1100001101 T"    "lxsibzx XT,RA|0,RB"               "I 7.6.3";
        lxsihzx     "011111 ttttt aaaaa bbbbb 1100101101 T"    "lxsihzx XT,RA|0,RB"               "I 7.6.3";
        stxv        "111101 sssss aaaaa dddddddddddd S 101"    "stxv XS,DQ(RA|0)"                 "I 7.6.3";
        stxsd       "111101 sssss aaaaa dddddddddddddd 10"     "stxsd VRS,DS(RA|0)"               "I 7.6.3";
        stxssp      "111101 sssss aaaaa dddddddddddddd 11"     "stxssp VRS,DS(RA|0)"              "I 7.6.3";
        stxvx       "011111 sssss aaaaa bbbbb 0110001100 S"    "stxvx XS,RA|0,RB"                 "I 7.6.3";
        stxvd2x     "011111 sssss aaaaa bbbbb 1111001100 S"    "stxvd2x XS,RA|0,RB"               "I 7.6.3";
        stxvw4x     "011111 sssss aaaaa bbbbb 1110001100 S"    "stxvw4x XS,RA|0,RB"               "I 7.6.3";
        stxvh8x     "011111 sssss aaaaa bbbbb 1110101100 S"    "stxvh8x XS,RA|0,RB"               "I 7.6.3";
        stxvb16x    "011111 sssss aaaaa bbbbb 1111101100 S"    "stxvb16x XS,RA|0,RB"              "I 7.6.3";
        stxvl       "011111 sssss aaaaa bbbbb 0110001101 S"    "stxvl XS,RA|0,RB"                 "I 7.6.3";
        stxvll      "011111 sssss aaaaa bbbbb 0110101101 S"    "stxvll XS,RA|0,RB"                "I 7.6.3";
        stxsdx      "011111 sssss aaaaa bbbbb 1011001100 S"    "stxsdx XS,RA|0,RB"                "I 7.6.3";
        stxsspx     "011111 sssss aaaaa bbbbb 1010001100 S"    "stxsspx XS,RA|0,RB"               "I 7.6.3";
        stxsiwx     "011111 sssss aaaaa bbbbb 0010001100 S"    "stxsiwx XS,RA|0,RB"               "I 7.6.3";
        stxsibx     "011111 sssss aaaaa bbbbb 1110001101 S"    "stxsibx XS,RA|0,RB"               "I 7.6.3";
        stxsihx     "011111 sssss aaaaa bbbbb 1110101101 S"    "stxsihx XS,RA|0,RB"               "I 7.6.3";
    }};
}
