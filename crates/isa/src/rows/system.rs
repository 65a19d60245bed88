//! System instructions (Book III) and the two moves from and to SPRs.

/// Rows of the group `System`.
#[macro_export]
#[rustfmt::skip]
macro_rules! rows_system {
    ($cb:ident) => { $cb! { System;
        firmware "000000 00000 00000 00000 01000000000"       "firmware"                "reserved word: the firmware trap of this machine";
        mfspr   "011111 ttttt nnnnnnnnnn 0101010011 /"        "mfspr RT,SPR"            "I 3.3.17";
        mtspr   "011111 sssss nnnnnnnnnn 0111010011 /"        "mtspr SPR,RS"            "I 3.3.17";
        mftb    "011111 ttttt nnnnnnnnnn 0101110011 /"        "mftb RT,TBR"             "II 5.2.1";
        mfmsr   "011111 ttttt ///// ///// 0001010011 /"       "mfmsr RT"                "III 4.4.4";
        mtmsr   "011111 sssss ////l ///// 0010010010 /"       "mtmsr RS,L"              "III 4.4.4";
        mtmsrd  "011111 sssss ////l ///// 0010110010 /"       "mtmsrd RS,L"             "III 4.4.4";
        sc      "010001 ///// ///// //// vvvvvvv /// 1 /"     "sc LEV"                  "I 2.7";
        scv     "010001 ///// ///// //// vvvvvvv /// 0 1"     "scv LEV"                 "I 2.7";
        rfid    "010011 ///// ///// ///// 0000010010 /"       "rfid"                    "III 3.3.1";
        hrfid   "010011 ///// ///// ///// 0100010010 /"       "hrfid"                   "III 3.3.1";
        rfscv   "010011 ///// ///// ///// 0001010010 /"       "rfscv"                   "III 3.3.1";
        stop    "010011 ///// ///// ///// 0101110010 /"       "stop"                    "III 3.3.2";
        tlbie   "011111 sssss / cc p r bbbbb 0100110010 /"    "tlbie RB,RS,RIC,PRS,R"   "III 5.9.3.3";
        tlbiel  "011111 sssss / cc p r bbbbb 0100010010 /"    "tlbiel RB,RS,RIC,PRS,R"  "III 5.9.3.3";
        tlbsync "011111 ///// ///// ///// 1000110110 /"       "tlbsync"                 "III 5.9.3.3";
        slbia   "011111 // iii ///// ///// 0111110010 /"      "slbia IH"                "III 5.9.3.2";
        slbie   "011111 ///// ///// bbbbb 0110110010 /"       "slbie RB"                "III 5.9.3.2";
        slbieg  "011111 sssss ///// bbbbb 0111010010 /"       "slbieg RS,RB"            "III 5.9.3.2";
        slbmte  "011111 sssss ///// bbbbb 0110010010 /"       "slbmte RS,RB"            "III 5.9.3.2";
        slbmfev "011111 ttttt ////l bbbbb 1101010011 /"       "slbmfev RT,RB,L"         "III 5.9.3.2";
        slbmfee "011111 ttttt ////l bbbbb 1110010011 /"       "slbmfee RT,RB,L"         "III 5.9.3.2";
        slbsync "011111 ///// ///// ///// 0101010010 /"       "slbsync"                 "III 5.9.3.2";
        msgsnd  "011111 ///// ///// bbbbb 0011001110 /"       "msgsnd RB"               "III 10.3";
        msgclr  "011111 ///// ///// bbbbb 0011101110 /"       "msgclr RB"               "III 10.3";
        msgsndp "011111 ///// ///// bbbbb 0010001110 /"       "msgsndp RB"              "III 10.3";
        msgclrp "011111 ///// ///// bbbbb 0010101110 /"       "msgclrp RB"              "III 10.3";
        msgsync "011111 ///// ///// ///// 1101110110 /"       "msgsync"                 "III 10.3";
    }};
}
