//! Any state as a list of paths and values, for tools that tell people in
//! what two states differ. What is listed is what is hashed and saved.

use serde::ser::{self, Serialize};
use std::fmt::Display;

/// The values of `state` by their paths, which begin with `prefix`.
pub fn listing<T: Serialize + ?Sized>(prefix: &str, state: &T) -> Vec<(String, String)> {
    let mut out = vec![];
    state
        .serialize(Lister { path: prefix.to_owned(), out: &mut out })
        .expect("model states can be serialised");
    out
}

/// Lists what is at `path`.
struct Lister<'a> {
    path: String,
    out: &'a mut Vec<(String, String)>,
}

impl Lister<'_> {
    fn put(self, value: impl Display) -> Done {
        self.out.push((self.path, value.to_string()));
        Ok(())
    }
    fn below(&mut self, name: impl Display) -> Lister<'_> {
        let path = if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) };
        Lister { path, out: self.out }
    }
}

impl<'a> Lister<'a> {
    /// Entries of the variant of that name.
    fn variant(mut self, name: &str) -> Entries<'a> {
        let path = self.below(name).path;
        Entries::of(Lister { path, out: self.out })
    }
}

/// A collection and how many entries it has listed.
struct Entries<'a> {
    at: Lister<'a>,
    count: usize,
    key: String,
}

impl<'a> Entries<'a> {
    fn of(at: Lister<'a>) -> Entries<'a> {
        Entries { at, count: 0, key: String::new() }
    }
    fn entry<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        let path = format!("{}[{}]", self.at.path, self.count);
        self.count += 1;
        value.serialize(Lister { path, out: self.at.out })
    }
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Done {
        value.serialize(self.at.below(name))
    }
    /// The length shows what an entry that one side lacks does not.
    fn close(self) -> Done {
        let Entries { at, count, .. } = self;
        at.out.push((format!("{}.len", at.path), count.to_string()));
        Ok(())
    }
}

/// A state that refuses to be serialised: a mistake of ours.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

impl ser::Error for Refused {
    fn custom<T: Display>(text: T) -> Refused {
        Refused(text.to_string())
    }
}

type Done = Result<(), Refused>;

/// Numbers in hexadecimal, as registers and addresses are read.
macro_rules! numbers {
    ($($name:ident $type:ty),*) => {
        $(fn $name(self, v: $type) -> Done {
            self.put(format_args!("{v:#x}"))
        })*
    };
}

/// Text and the like as they are written.
macro_rules! plain {
    ($($name:ident $type:ty),*) => {
        $(fn $name(self, v: $type) -> Done {
            self.put(v)
        })*
    };
}

impl<'a> ser::Serializer for Lister<'a> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Entries<'a>;
    type SerializeTuple = Entries<'a>;
    type SerializeTupleStruct = Entries<'a>;
    type SerializeTupleVariant = Entries<'a>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Entries<'a>;
    type SerializeStructVariant = Entries<'a>;

    numbers!(serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128);
    plain!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128);
    plain!(serialize_bool bool, serialize_f32 f32, serialize_f64 f64, serialize_char char, serialize_str &str);

    fn serialize_bytes(self, v: &[u8]) -> Done {
        self.put(v.iter().map(|b| format!("{b:02x}")).collect::<String>())
    }
    fn serialize_none(self) -> Done {
        self.put("none")
    }
    fn serialize_some<T: Serialize + ?Sized>(self, v: &T) -> Done {
        v.serialize(self)
    }
    fn serialize_unit(self) -> Done {
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Done {
        Ok(())
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.put(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, v: &T) -> Done {
        v.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        v: &T,
    ) -> Done {
        v.serialize(self.below(variant))
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Entries<'a>, Refused> {
        Ok(Entries::of(self))
    }
    fn serialize_tuple(self, _: usize) -> Result<Entries<'a>, Refused> {
        Ok(Entries::of(self))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Entries<'a>, Refused> {
        Ok(Entries::of(self))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries<'a>, Refused> {
        Ok(self.variant(variant))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'a>, Refused> {
        Ok(Entries::of(self))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries<'a>, Refused> {
        Ok(Entries::of(self))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries<'a>, Refused> {
        Ok(self.variant(variant))
    }
}

/// Collections whose entries have a number.
macro_rules! numbered {
    ($($collection:ident $entry:ident $end:ident),*) => {
        $(impl ser::$collection for Entries<'_> {
            type Ok = ();
            type Error = Refused;
            fn $entry<T: Serialize + ?Sized>(&mut self, v: &T) -> Done {
                self.entry(v)
            }
            fn end(self) -> Done {
                self.$end()
            }
        })*
    };
}
numbered!(
    SerializeSeq serialize_element close,
    SerializeTuple serialize_element done,
    SerializeTupleStruct serialize_field done,
    SerializeTupleVariant serialize_field done
);

/// Collections whose entries have a name.
macro_rules! named {
    ($($collection:ident),*) => {
        $(impl ser::$collection for Entries<'_> {
            type Ok = ();
            type Error = Refused;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                v: &T,
            ) -> Done {
                self.field(name, v)
            }
            fn end(self) -> Done {
                self.done()
            }
        })*
    };
}
named!(SerializeStruct, SerializeStructVariant);

impl Entries<'_> {
    /// Of a fixed number of entries: nothing to add.
    fn done(self) -> Done {
        Ok(())
    }
}

impl ser::SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = Refused;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        let values = listing("", key).into_iter().map(|(_, value)| value);
        self.key = values.collect::<Vec<_>>().join(",");
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, v: &T) -> Done {
        self.count += 1;
        let path = format!("{}[{}]", self.at.path, self.key);
        v.serialize(Lister { path, out: self.at.out })
    }
    fn end(self) -> Done {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use std::collections::BTreeMap;

    #[derive(Serialize)]
    enum Kind {
        Off,
        At(u64),
        In { low: u8, high: u8 },
    }

    #[derive(Serialize)]
    struct State {
        wide: u128,
        kinds: Vec<Kind>,
        by_pe: BTreeMap<(u8, u8), Option<&'static str>>,
        // A view, as models have them: neither saved nor listed.
        #[serde(skip)]
        _view: u8,
    }

    #[test]
    fn every_value_has_a_path() {
        let kinds = vec![Kind::Off, Kind::At(16), Kind::In { low: 1, high: 2 }];
        let state = State {
            wide: u128::MAX,
            kinds,
            by_pe: BTreeMap::from([((1, 2), None), ((3, 4), Some("a"))]),
            _view: 7,
        };
        let listed: Vec<String> = listing("adapter 0", &state)
            .into_iter()
            .map(|(path, value)| format!("{path} = {value}"))
            .collect();
        let expected = [
            "adapter 0.wide = 0xffffffffffffffffffffffffffffffff",
            "adapter 0.kinds[0] = Off",
            "adapter 0.kinds[1].At = 0x10",
            "adapter 0.kinds[2].In.low = 0x1",
            "adapter 0.kinds[2].In.high = 0x2",
            "adapter 0.kinds.len = 3",
            "adapter 0.by_pe[0x1,0x2] = none",
            "adapter 0.by_pe[0x3,0x4] = a",
            "adapter 0.by_pe.len = 2",
        ];
        assert_eq!(listed, expected);
    }
}
