//! Scalar floating point.

/// Rows of the group `Float`.
#[macro_export]
#[rustfmt::skip]
macro_rules! rows_float {
    ($cb:ident) => { $cb! { Float;
        fmr           "111111 ttttt ///// bbbbb 0001001000 r"            "fmr{r} FRT,FRB"                       "I 4.6.5";
        fneg          "111111 ttttt ///// bbbbb 0000101000 r"            "fneg{r} FRT,FRB"                      "I 4.6.5";
        fabs          "111111 ttttt ///// bbbbb 0100001000 r"            "fabs{r} FRT,FRB"                      "I 4.6.5";
        fnabs         "111111 ttttt ///// bbbbb 0010001000 r"            "fnabs{r} FRT,FRB"                     "I 4.6.5";
        fcpsgn        "111111 ttttt aaaaa bbbbb 0000001000 r"            "fcpsgn{r} FRT,FRA,FRB"                "I 4.6.5";
        fmrgew        "111111 ttttt aaaaa bbbbb 1111000110 /"            "fmrgew FRT,FRA,FRB"                   "I 4.6.5";
        fmrgow        "111111 ttttt aaaaa bbbbb 1101000110 /"            "fmrgow FRT,FRA,FRB"                   "I 4.6.5";
        fadd          "111111 ttttt aaaaa bbbbb ///// 10101 r"           "fadd{r} FRT,FRA,FRB"                  "I 4.6.6.1";
        fadds         "111011 ttttt aaaaa bbbbb ///// 10101 r"           "fadds{r} FRT,FRA,FRB"                 "I 4.6.6.1";
        fsub          "111111 ttttt aaaaa bbbbb ///// 10100 r"           "fsub{r} FRT,FRA,FRB"                  "I 4.6.6.1";
        fsubs         "111011 ttttt aaaaa bbbbb ///// 10100 r"           "fsubs{r} FRT,FRA,FRB"                 "I 4.6.6.1";
        fmul          "111111 ttttt aaaaa ///// ccccc 11001 r"           "fmul{r} FRT,FRA,FRC"                  "I 4.6.6.1";
        fmuls         "111011 ttttt aaaaa ///// ccccc 11001 r"           "fmuls{r} FRT,FRA,FRC"                 "I 4.6.6.1";
        fdiv          "111111 ttttt aaaaa bbbbb ///// 10010 r"           "fdiv{r} FRT,FRA,FRB"                  "I 4.6.6.1";
        fdivs         "111011 ttttt aaaaa bbbbb ///// 10010 r"           "fdivs{r} FRT,FRA,FRB"                 "I 4.6.6.1";
        fsqrt         "111111 ttttt ///// bbbbb ///// 10110 r"           "fsqrt{r} FRT,FRB"                     "I 4.6.6.1";
        fsqrts        "111011 ttttt ///// bbbbb ///// 10110 r"           "fsqrts{r} FRT,FRB"                    "I 4.6.6.1";
        fre           "111111 ttttt ///// bbbbb ///// 11000 r"           "fre{r} FRT,FRB"                       "I 4.6.6.1";
        fres          "111011 ttttt ///// bbbbb ///// 11000 r"           "fres{r} FRT,FRB"                      "I 4.6.6.1";
        frsqrte       "111111 ttttt ///// bbbbb ///// 11010 r"           "frsqrte{r} FRT,FRB"                   "I 4.6.6.1";
        frsqrtes      "111011 ttttt ///// bbbbb ///// 11010 r"           "frsqrtes{r} FRT,FRB"                  "I 4.6.6.1";
        ftdiv         "111111 fff // aaaaa bbbbb 0010000000 /"           "ftdiv BF,FRA,FRB"                     "I 4.6.6.1";
        ftsqrt        "111111 fff // ///// bbbbb 0010100000 /"           "ftsqrt BF,FRB"                        "I 4.6.6.1";
        fmadd         "111111 ttttt aaaaa bbbbb ccccc 11101 r"           "fmadd{r} FRT,FRA,FRC,FRB"             "I 4.6.6.2";
        fmadds        "111011 ttttt aaaaa bbbbb ccccc 11101 r"           "fmadds{r} FRT,FRA,FRC,FRB"            "I 4.6.6.2";
        fmsub         "111111 ttttt aaaaa bbbbb ccccc 11100 r"           "fmsub{r} FRT,FRA,FRC,FRB"             "I 4.6.6.2";
        fmsubs        "111011 ttttt aaaaa bbbbb ccccc 11100 r"           "fmsubs{r} FRT,FRA,FRC,FRB"            "I 4.6.6.2";
        fnmadd        "111111 ttttt aaaaa bbbbb ccccc 11111 r"           "fnmadd{r} FRT,FRA,FRC,FRB"            "I 4.6.6.2";
        fnmadds       "111011 ttttt aaaaa bbbbb ccccc 11111 r"           "fnmadds{r} FRT,FRA,FRC,FRB"           "I 4.6.6.2";
        fnmsub        "111111 ttttt aaaaa bbbbb ccccc 11110 r"           "fnmsub{r} FRT,FRA,FRC,FRB"            "I 4.6.6.2";
        fnmsubs       "111011 ttttt aaaaa bbbbb ccccc 11110 r"           "fnmsubs{r} FRT,FRA,FRC,FRB"           "I 4.6.6.2";
        frsp          "111111 ttttt ///// bbbbb 0000001100 r"            "frsp{r} FRT,FRB"                      "I 4.6.7.1";
        fctid         "111111 ttttt ///// bbbbb 1100101110 r"            "fctid{r} FRT,FRB"                     "I 4.6.7.2";
        fctidz        "111111 ttttt ///// bbbbb 1100101111 r"            "fctidz{r} FRT,FRB"                    "I 4.6.7.2";
        fctidu        "111111 ttttt ///// bbbbb 1110101110 r"            "fctidu{r} FRT,FRB"                    "I 4.6.7.2";
        fctiduz       "111111 ttttt ///// bbbbb 1110101111 r"            "fctiduz{r} FRT,FRB"                   "I 4.6.7.2";
        fctiw         "111111 ttttt ///// bbbbb 0000001110 r"            "fctiw{r} FRT,FRB"                     "I 4.6.7.2";
        fctiwz        "111111 ttttt ///// bbbbb 0000001111 r"            "fctiwz{r} FRT,FRB"                    "I 4.6.7.2";
        fctiwu        "111111 ttttt ///// bbbbb 0010001110 r"            "fctiwu{r} FRT,FRB"                    "I 4.6.7.2";
        fctiwuz       "111111 ttttt ///// bbbbb 0010001111 r"            "fctiwuz{r} FRT,FRB"                   "I 4.6.7.2";
        fcfid         "111111 ttttt ///// bbbbb 1101001110 r"            "fcfid{r} FRT,FRB"                     "I 4.6.7.3";
        fcfidu        "111111 ttttt ///// bbbbb 1111001110 r"            "fcfidu{r} FRT,FRB"                    "I 4.6.7.3";
        fcfids        "111011 ttttt ///// bbbbb 1101001110 r"            "fcfids{r} FRT,FRB"                    "I 4.6.7.3";
        fcfidus       "111011 ttttt ///// bbbbb 1111001110 r"            "fcfidus{r} FRT,FRB"                   "I 4.6.7.3";
        frin          "111111 ttttt ///// bbbbb 0110001000 r"            "frin{r} FRT,FRB"                      "I 4.6.7.4";
        friz          "111111 ttttt ///// bbbbb 0110101000 r"            "friz{r} FRT,FRB"                      "I 4.6.7.4";
        frip          "111111 ttttt ///// bbbbb 0111001000 r"            "frip{r} FRT,FRB"                      "I 4.6.7.4";
        frim          "111111 ttttt ///// bbbbb 0111101000 r"            "frim{r} FRT,FRB"                      "I 4.6.7.4";
        fcmpu         "111111 fff // aaaaa bbbbb 0000000000 /"           "fcmpu BF,FRA,FRB"                     "I 4.6.8";
        fcmpo         "111111 fff // aaaaa bbbbb 0000100000 /"           "fcmpo BF,FRA,FRB"                     "I 4.6.8";
        fsel          "111111 ttttt aaaaa bbbbb ccccc 10111 r"           "fsel{r} FRT,FRA,FRC,FRB"              "I 4.6.9";
        mffs          "111111 ttttt 00000 ///// 1001000111 r"            "mffs{r} FRT"                          "I 4.6.10";
        mffsce        "111111 ttttt 00001 ///// 1001000111 /"            "mffsce FRT"                           "I 4.6.10";
        mffscdrn      "111111 ttttt 10100 bbbbb 1001000111 /"            "mffscdrn FRT,FRB"                     "I 4.6.10";
        mffscdrni     "111111 ttttt 10101 // ddd 1001000111 /"           "mffscdrni FRT,DRM"                    "I 4.6.10";
        mffscrn       "111111 ttttt 10110 bbbbb 1001000111 /"            "mffscrn FRT,FRB"                      "I 4.6.10";
        mffscrni      "111111 ttttt 10111 /// dd 1001000111 /"           "mffscrni FRT,RM"                      "I 4.6.10";
        mffsl         "111111 ttttt 11000 ///// 1001000111 /"            "mffsl FRT"                            "I 4.6.10";
        mcrfs         "111111 fff // sss // ///// 0001000000 /"          "mcrfs BF,BFA"                         "I 4.6.10";
        mtfsfi        "111111 fff // //// l uuuu / 0010000110 r"         "mtfsfi{r} BF,U,W"                     "I 4.6.10";
        mtfsf         "111111 L mmmmmmmm w bbbbb 1011000111 r"           "mtfsf{r} FLM,FRB,L,W"                 "I 4.6.10";
        mtfsb0        "111111 ttttt ///// ///// 0001000110 r"            "mtfsb0{r} BT"                         "I 4.6.10";
        mtfsb1        "111111 ttttt ///// ///// 0000100110 r"            "mtfsb1{r} BT"                         "I 4.6.10";
    }};
}
