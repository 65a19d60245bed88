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
