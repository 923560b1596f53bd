//! The entry of a submission queue, `struct io_uring_sqe` (include/uapi/linux/io_uring.h): what a process writes to make a request.

use serde::{Deserialize, Serialize};

/// The field of an entry that holds an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqeField {
    /// `fd`.
    Fd,
    /// `off`, or `addr2`.
    Off,
    /// `addr`, or `splice_off_in`.
    Addr,
    /// `len`.
    Len,
    /// `rw_flags` and its kin.
    OpFlags,
    /// `file_index`, or `splice_fd_in`.
    Index,
    /// `buf_index`, or `buf_group`.
    Buffer,
    /// `addr3`. The record does not include it, but the string that it points to.
    Addr3,
}

impl SqeField {
    /// As `enum ior_sqe_place` in bpf/record.h counts those that may hold descriptors, paths and blocks.
    pub fn numbered(self) -> u8 {
        match self {
            SqeField::Fd => 1,
            SqeField::Off => 2,
            SqeField::Addr => 3,
            SqeField::Len => 4,
            SqeField::Index => 5,
            SqeField::Addr3 => 6,
            SqeField::OpFlags | SqeField::Buffer => 0,
        }
    }
}

/// The first 48 bytes of an entry, as the kernel took them from the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sqe(pub [u64; 6]);

impl Sqe {
    /// IOSQE_FIXED_FILE: `fd` is an index into the files that are registered with the ring, and no descriptor.
    pub const FIXED_FILE: u8 = 1 << 0;

    /// The opcode.
    pub fn opcode(&self) -> u8 {
        self.0[0] as u8
    }

    /// `IOSQE_*`.
    pub fn flags(&self) -> u8 {
        (self.0[0] >> 8) as u8
    }

    /// The `user_data`, by which the process recognizes the completion.
    pub fn user_data(&self) -> u64 {
        self.0[4]
    }

    /// The argument in this field, as the register of a system call would hold it.
    pub fn at(&self, place: SqeField) -> u64 {
        match place {
            SqeField::Fd => i64::from((self.0[0] >> 32) as i32) as u64,
            SqeField::Off => self.0[1],
            SqeField::Addr => self.0[2],
            SqeField::Len => self.0[3] & u64::from(u32::MAX),
            SqeField::OpFlags => self.0[3] >> 32,
            SqeField::Buffer => self.0[5] & u64::from(u16::MAX),
            SqeField::Index => self.0[5] >> 32,
            // Not null, since a null pointer means that there is no path.
            SqeField::Addr3 => u64::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_argument_is_found_in_its_place() {
        // As the compiler lays out the fields: opcode, flags, ioprio, fd; off; addr; len, op_flags; user_data; buf_index,
        // personality, file_index.
        let bytes: Vec<u8> = [
            &[18, 1][..],
            &2_u16.to_ne_bytes(),
            &(-100_i32).to_ne_bytes(),
            &3_u64.to_ne_bytes(),
            &4_u64.to_ne_bytes(),
            &5_u32.to_ne_bytes(),
            &6_u32.to_ne_bytes(),
            &7_u64.to_ne_bytes(),
            &8_u16.to_ne_bytes(),
            &9_u16.to_ne_bytes(),
            &10_u32.to_ne_bytes(),
        ]
        .concat();
        let words = bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap()));
        let sqe = Sqe(words.collect::<Vec<_>>().try_into().unwrap());
        assert_eq!((sqe.opcode(), sqe.flags(), sqe.user_data()), (18, Sqe::FIXED_FILE, 7));
        let rows = [
            (SqeField::Fd, -100_i64 as u64),
            (SqeField::Off, 3),
            (SqeField::Addr, 4),
            (SqeField::Len, 5),
            (SqeField::OpFlags, 6),
            (SqeField::Buffer, 8),
            (SqeField::Index, 10),
        ];
        for (place, expected) in rows {
            assert_eq!(sqe.at(place), expected, "{place:?}");
        }
    }
}
