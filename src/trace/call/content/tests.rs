use super::*;
use crate::table::syscalls::Syscall;
use crate::trace::call::tests::call;

/// The content in a line: numbers as they are, bytes as text.
fn shown(content: &Content) -> String {
    match content {
        Content::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Content::Number(number) => number.to_string(),
        Content::Object(members) => members_shown(members),
        Content::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
    }
}

fn members_shown(members: &[(&'static str, Content)]) -> String {
    let members = members.iter().map(|(name, value)| format!("{name}={}", shown(value)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(" "))
}

#[test]
fn an_address_has_the_members_of_its_family_as_far_as_it_goes() {
    let address =
        |family: i32, rest: &[u8]| members_shown(&socket_address(&[&(family as u16).to_ne_bytes(), rest].concat()));
    assert_eq!(address(libc::AF_UNIX, b""), "{sa_family=1}");
    assert_eq!(address(libc::AF_UNIX, b"/a\0b"), "{sa_family=1 sun_path=/a}");
    assert_eq!(address(libc::AF_UNIX, b"/a"), "{sa_family=1 sun_path=/a}");
    assert_eq!(address(libc::AF_UNIX, b"\0a\0b"), "{sa_family=1 sun_path=\0a\0b}");
    let inet = [0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(address(libc::AF_INET, &inet), "{sa_family=2 sin_port=80 sin_addr=127.0.0.1}");
    assert_eq!(address(libc::AF_INET, b"\0Pabcd1234567"), "{sa_family=2 sa_data=\0Pabcd1234567}", "too short");
    let inet6 = [&[0, 80, 0, 0, 0, 9][..], &[0; 15], &[1], &7_u32.to_ne_bytes()].concat();
    let known = "{sa_family=10 sin6_port=80 sin6_flowinfo=9 sin6_addr=::1";
    assert_eq!(address(libc::AF_INET6, &inet6), format!("{known} sin6_scope_id=7}}"));
    assert_eq!(
        address(libc::AF_INET6, &inet6[..22]),
        format!("{known}}}"),
        "as it was before it had a scope (RFC 2133)"
    );
    assert_eq!(address(libc::AF_INET6, b"abcdefghijklmnopqrstu"), "{sa_family=10 sa_data=abcdefghijklmnopqrstu}");
    assert_eq!(address(99, b"x"), "{sa_family=99 sa_data=x}");
    assert_eq!(members_shown(&socket_address(&[1])), "{}");
}

fn data(arg: u8, part: u16, bytes: &[u8]) -> Data {
    Data { arg, part, size: bytes.len() as u64, bytes: Bytes::Read(bytes.to_vec()), late: false }
}

fn content(name: &str, args: [u64; 6], at: usize, data: &[Data]) -> Option<(Option<String>, ContentState)> {
    let number = Syscall::by_name(name).unwrap_or_else(|| panic!("no row for {name}")).number;
    let call = call(0, number, args, 0).with(|deed| deed.data = data.to_vec());
    call.content(at).map(|(content, state)| (content.as_ref().map(shown), state))
}

#[test]
fn content_says_how_it_was_read() {
    let read = |data: Data| content("read", [3, 0x1000, 5, 0, 0, 0], 1, &[data]);
    let one = || data(1, 0, b"one");
    let text = || Some("one".to_owned());
    assert_eq!(read(one()), Some((text(), ContentState::Whole)));
    assert_eq!(read(Data { size: 4, ..one() }), Some((text(), ContentState::Cut)));
    assert_eq!(read(Data { late: true, ..one() }), Some((text(), ContentState::Late)));
    assert_eq!(read(Data { late: true, size: 4, ..one() }), Some((text(), ContentState::Cut)));
    assert_eq!(read(Data { bytes: Bytes::Unreadable(14), ..one() }), Some((None, ContentState::Unreadable)));
    assert_eq!(read(Data { arg: 0, ..one() }), None);
    let words: Vec<_> = ContentState::ALL.iter().map(|(state, word)| (state.word(), *word)).collect();
    assert!(words.iter().all(|(of_state, word)| of_state == word), "{words:?}");
}

#[test]
fn the_segments_of_a_vector_are_those_that_were_read() {
    let writev = |parts: &[Data]| content("writev", [3, 0x1000, 3, 0, 0, 0], 1, parts);
    let vector = || data(1, 0, &[0; 48]);
    let segments = [vector(), data(1, 1, b"a"), data(1, 2, b"b")];
    assert_eq!(writev(&segments), Some((Some("[a b]".to_owned()), ContentState::Whole)));
    let bad = Data { bytes: Bytes::Unreadable(14), ..data(1, 2, b"") };
    assert_eq!(writev(&[vector(), data(1, 1, b"a"), bad]), Some((Some("[a]".to_owned()), ContentState::Unreadable)));
}

#[test]
fn a_list_of_as_many_strings_as_are_read_may_go_on() {
    let execve = |strings: u16| {
        let list = [data(1, 0, &[0; 8])].into_iter().chain((1..=strings).map(|part| data(1, part, b"x")));
        content("execve", [0x1000, 0x2000, 0, 0, 0, 0], 1, &list.collect::<Vec<_>>()).map(|(_, state)| state)
    };
    assert_eq!(execve(2), Some(ContentState::Whole));
    assert_eq!(execve(PARTS as u16), Some(ContentState::Cut));
}

/// The header of a message: the flags are at byte 48 of `struct msghdr`, and the length is behind it in `struct mmsghdr` (recvmmsg(2)).
fn header(flags: u32, length: Option<u32>) -> Vec<u8> {
    let length = length.map(|length| [length.to_ne_bytes(), [0; 4]].concat());
    [&[0; 48][..], &flags.to_ne_bytes(), &[0; 4], &length.unwrap_or_default()].concat()
}

#[test]
fn a_message_has_its_address_segments_control_messages_and_flags() {
    let part = |at: u16, bytes: &[u8]| data(1, part::MESSAGE + at, bytes);
    let name = [&(libc::AF_UNIX as u16).to_ne_bytes()[..], b"/s"].concat();
    let parts = [
        part(0, &header(64, None)),
        part(part::ADDRESS, &name),
        part(part::CONTROL, b"c"),
        part(part::VECTOR, b"v"),
        part(part::VECTOR + 1, b"a"),
        part(part::VECTOR + 2, b"b"),
    ];
    let said = content("sendmsg", [3, 0x1000, 0, 0, 0, 0], 1, &parts);
    let expected = "{msg_name={sa_family=1 sun_path=/s} msg_iov=[a b] msg_control=c msg_flags=64}";
    assert_eq!(said, Some((Some(expected.to_owned()), ContentState::Whole)));
}

#[test]
fn each_message_of_an_array_has_its_own_parts() {
    let part = |message: u16, at: u16, bytes: &[u8]| data(1, part::MESSAGE + message * part::OF_MESSAGE + at, bytes);
    let name = |path: &[u8]| [&(libc::AF_UNIX as u16).to_ne_bytes()[..], path].concat();
    // The room for the address is at byte 8 of `struct msghdr`.
    let mut given = [header(0, Some(0)), header(0, Some(0))].concat();
    given[8..12].copy_from_slice(&4_u32.to_ne_bytes());
    given[MESSAGE_SIZE[1] + 8..][..4].copy_from_slice(&5_u32.to_ne_bytes());
    let parts = [
        part(0, 0, &header(1, Some(5))),
        part(0, part::ADDRESS, &name(b"/first")),
        part(1, 0, &header(2, Some(6))),
        part(1, part::ADDRESS, &name(b"/second")),
        data(1, part::GIVEN, &given),
    ];
    let said = content("recvmmsg", [3, 0x1000, 2, 0, 0, 0], 1, &parts).and_then(|(content, _)| content);
    let first = "{msg_name={sa_family=1 sun_path=/f} msg_flags=1 msg_len=5}";
    let second = "{msg_name={sa_family=1 sun_path=/se} msg_flags=2 msg_len=6}";
    assert_eq!(said, Some(format!("[{first} {second}]")));
}

#[test]
fn a_name_with_a_dot_is_a_member_of_a_member() {
    let mut members = Vec::new();
    for (at, name) in ["a.x", "a.y", "b", "c.x", "a.z"].into_iter().enumerate() {
        put(&mut members, name, Content::Number(at as i64));
    }
    assert_eq!(members_shown(&members), "{a={x=0 y=1} b=2 c={x=3} a={z=4}}");
}

#[test]
fn a_set_of_signals_has_eight_bytes() {
    let row = Syscall::by_name("pselect6").unwrap();
    let block = blocks::within(row, 5, &[0; 6]).unwrap();
    let of = |bytes: &[u8], size| array(block, &Data { size, ..data(5, part::WITHIN, bytes) }).as_ref().map(shown);
    assert_eq!(of(&[5, 0, 0, 0, 0, 0, 0, 0], 8).as_deref(), Some("[1 3]"));
    assert_eq!(of(&[5, 0, 0, 0, 0, 0, 0, 0], 9), None);
    assert_eq!(of(&[5, 0, 0, 0], 8), None);
}
