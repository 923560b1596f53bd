//! The layout of a record's fields.
//!
//! No I/O. A layout is C text with the kernel's names of types. Its fields have the offsets that a C compiler gives them.

/// The layout of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// The fields, in order.
    pub fields: Vec<LayoutField>,
    /// The size of the record in bytes.
    pub size: usize,
}

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub struct LayoutField {
    /// Its name.
    pub name: String,
    /// The type of one element.
    pub number: Number,
    /// The number of elements. Several `char` are a string. 0 means the rest of the record.
    pub count: usize,
    /// Its offset in bytes.
    pub offset: usize,
}

/// A C integer type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// Its size in bytes.
    pub size: usize,
    /// Whether it is signed.
    pub signed: bool,
    /// Whether it is a `char`.
    pub is_char: bool,
}

/// The names of types in the kernel and in C.
const TYPES: [(&str, usize, bool); 22] = [
    ("u8", 1, false),
    ("u16", 2, false),
    ("u32", 4, false),
    ("u64", 8, false),
    ("s8", 1, true),
    ("s16", 2, true),
    ("s32", 4, true),
    ("s64", 8, true),
    ("__u8", 1, false),
    ("__u16", 2, false),
    ("__u32", 4, false),
    ("__u64", 8, false),
    ("__s32", 4, true),
    ("__s64", 8, true),
    ("int", 4, true),
    ("unsigned int", 4, false),
    ("long", 8, true),
    ("unsigned long", 8, false),
    ("pid_t", 4, true),
    ("uid_t", 4, false),
    ("bool", 1, false),
    ("char", 1, true),
];

/// The largest plausible record of a ring, in bytes.
const LARGEST: usize = 1 << 20;

impl Number {
    /// The integer type with this name.
    pub fn named(kind: &str) -> Option<Self> {
        let &(_, size, signed) = TYPES.iter().find(|(known, ..)| *known == kind)?;
        Some(Self { size, signed, is_char: kind == "char" })
    }
}

impl Layout {
    /// Reads C text: `u32 type; u64 time; char name[256]`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut fields, mut end, mut align) = (Vec::new(), 0_usize, 1);
        for declared in text.split(';').map(str::trim).filter(|declared| !declared.is_empty()) {
            if let Some(rest) = fields.last().filter(|field: &&LayoutField| field.count == 0) {
                return Err(format!("`{}` is the rest of the record, and more follows it", rest.name));
            }
            let mut field = LayoutField::parse(declared)?;
            field.offset = end.next_multiple_of(field.number.size);
            end = field.offset + field.number.size * field.count;
            align = align.max(field.number.size);
            if end > LARGEST {
                return Err(format!("it is longer than {LARGEST} bytes"));
            }
            if fields.iter().any(|known: &LayoutField| known.name == field.name) {
                return Err(format!("`{}` is there twice", field.name));
            }
            fields.push(field);
        }
        if fields.is_empty() {
            return Err("it has no field".to_owned());
        }
        // A layout with a last field of open size has no padding at its end.
        let goes_on = fields.last().is_some_and(|field| field.count == 0);
        Ok(Self { fields, size: if goes_on { end } else { end.next_multiple_of(align) } })
    }

    /// Whether its records may be longer than its fixed fields.
    pub fn has_rest(&self) -> bool {
        self.fields.last().is_some_and(|field| field.count == 0)
    }

    /// The field with this name.
    pub fn field(&self, name: &str) -> Option<&LayoutField> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl LayoutField {
    /// Reads `u32 type` or `char name[256]`. Its offset is still 0.
    pub fn parse(declared: &str) -> Result<Self, String> {
        let (declared, count) = match declared.split_once('[') {
            None => (declared, 1),
            Some((before, count)) => {
                let count = count.trim_end().strip_suffix(']').map(str::trim);
                let parsed = |count: &str| count.parse().ok().filter(|count| (1..=LARGEST).contains(count));
                let count = count.and_then(|count| if count.is_empty() { Some(0) } else { parsed(count) });
                (before, count.ok_or_else(|| format!("`{declared}` has no number of elements"))?)
            }
        };
        let words: Vec<&str> = declared.split_ascii_whitespace().collect();
        let Some((name, kind @ [_, ..])) = words.split_last() else {
            return Err(format!("`{declared}` is no type and a name"));
        };
        let kind = kind.join(" ");
        let number = Number::named(&kind).ok_or_else(|| format!("`{kind}` is no type that is known here"))?;
        Ok(Self { name: (*name).to_owned(), number, count, offset: 0 })
    }

    /// The value in a record. `None` if the record ends before it.
    pub fn number_in(&self, record: &[u8]) -> Option<i64> {
        let mut bytes = [0; 8];
        let found = record.get(self.offset..self.offset + self.number.size)?;
        bytes[..found.len()].copy_from_slice(found);
        let bits = u64::from_le_bytes(bytes);
        let unused = 64 - 8 * self.number.size as u32;
        Some(if self.number.signed { (bits << unused) as i64 >> unused } else { bits as i64 })
    }

    /// The value of the element at index `at`.
    pub fn element_in(&self, record: &[u8], at: usize) -> Option<i64> {
        self.number_in(record.get(at * self.number.size..)?)
    }

    /// The string in a record, up to its NUL; `None` if the record ends before the field.
    pub fn text_in<'r>(&self, record: &'r [u8]) -> Option<&'r [u8]> {
        let end = if self.count == 0 { record.len() } else { self.offset + self.count };
        let found = record.get(self.offset..end)?;
        found.split(|&byte| byte == 0).next()
    }

    /// Whether the field is text.
    pub fn is_text(&self) -> bool {
        self.number.is_char && self.count != 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_where_a_compiler_puts_them() {
        let layout = Layout::parse("u32 a; u64 b; char c[3]; s16 d; bool e").unwrap();
        let offsets: Vec<(&str, usize)> =
            layout.fields.iter().map(|field| (field.name.as_str(), field.offset)).collect();
        assert_eq!(offsets, [("a", 0), ("b", 8), ("c", 16), ("d", 20), ("e", 22)]);
        assert_eq!(layout.size, 24);
        let record = [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, b'x', 0, b'y', 0, 0xfe, 0xff, 1, 0];
        let number = |name: &str| layout.field(name).unwrap().number_in(&record);
        assert_eq!(["a", "b", "d", "e"].map(number), [Some(1), Some(2), Some(-2), Some(1)]);
        assert_eq!(layout.field("c").unwrap().text_in(&record), Some(b"x".as_slice()));
        assert_eq!(layout.field("e").unwrap().number_in(&record[..22]), None);
    }

    #[test]
    fn what_is_no_layout_says_why() {
        let rows = [
            ("", "it has no field"),
            ("u32", "`u32` is no type and a name"),
            ("u33 a", "`u33` is no type that is known here"),
            ("u32 a; u64 a", "`a` is there twice"),
            ("char a[x]", "`char a[x]` has no number of elements"),
            ("char a[0]", "`char a[0]` has no number of elements"),
            ("char a[]; u8 b", "`a` is the rest of the record, and more follows it"),
            ("char a[1048576]; u8 b", "it is longer than 1048576 bytes"),
        ];
        for (text, why) in rows {
            assert_eq!(Layout::parse(text), Err(why.to_owned()), "{text}");
        }
    }
}
