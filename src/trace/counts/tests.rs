use super::*;

/// Whole counts: three calls of two processes, with a request of io_uring and four names.
fn whole() -> Counts {
    Counts {
        seen: 3,
        emitted: 3,
        received: 3,
        strays: 1,
        followed: 1,
        ends: 2,
        ends_received: 2,
        submitted: 1,
        submissions_received: 1,
        told: 4,
        told_received: 4,
        ..Counts::default()
    }
}

#[test]
fn each_place_where_something_is_lost_has_its_sentence() {
    type Loss = fn(&mut Counts);
    let rows: [(Loss, &str); 15] = [
        (|c| (c.seen, c.refused) = (5, 2), "2 of 5 calls found no room in the ring buffer"),
        (
            |c| (c.seen, c.refused, c.crowded) = (5, 2, 2),
            "2 requests of io_uring were submitted beside 4096 in flight, which are too many",
        ),
        (|c| c.untold = 2, "2 names and blocks of data found no room in the ring buffer"),
        (|c| c.told_received = 3, "4 names and blocks of data were emitted and 3 received"),
        (|c| c.unnamed = 2, "calls refer 2 times to a name that never arrived"),
        (|c| c.strays = 3, "2 calls were seen to return that were not seen to begin"),
        (|c| (c.begun, c.strays) = (4, 5), "1 calls were seen to return that were not seen to begin"),
        (|c| c.seen = 4, "4 calls were seen, but 3 emitted and 0 refused"),
        (|c| c.seen = 2, "2 calls were seen, but 3 emitted and 0 refused"),
        (|c| c.skipped = 2, "the kernel skipped a program of the tracer 2 times"),
        (|c| c.received = 2, "3 records were emitted and 2 received"),
        (|c| c.submissions_received = 0, "1 requests were submitted and 0 received"),
        (|c| c.undecoded = 2, "2 records could not be decoded"),
        (|c| (c.ends, c.ends_received) = (1, 1), "of 2 processes, 1 were seen to end"),
        (|c| c.ends_received = 1, "2 end records were emitted and 1 received"),
    ];
    for (lose, sentence) in rows {
        let mut counts = whole();
        lose(&mut counts);
        assert_eq!(counts.losses(), [sentence]);
    }
}

#[test]
fn where_nothing_is_lost_nothing_is_said() {
    let rows = [
        ("all is there", whole()),
        ("calls that were not asked for", Counts { seen: 9, left_out: 6, ..whole() }),
        ("threads were in calls when the watch began", Counts { begun: 4, strays: 4, ..whole() }),
        ("one process", Counts { followed: 0, ends: 1, ends_received: 1, ..whole() }),
    ];
    for (sentence, counts) in rows {
        assert_eq!(counts.losses(), Vec::<String>::new(), "{sentence}");
    }
    let alone = Counts { followed: 0, ends: 0, ends_received: 0, ..whole() };
    assert_eq!(alone.losses(), ["the end of the process was not seen"]);
}

#[test]
fn a_process_that_has_not_ended_is_left() {
    let left = |followed, ends| Counts { followed, ends, ..Counts::default() }.left();
    assert_eq!([left(0, 0), left(0, 1), left(4, 2), left(0, 9)], [1, 0, 3, 0]);
}

#[test]
fn every_record_is_in_the_ring() {
    let counts = Counts { emitted: 1, ends: 20, submitted: 300, told: 4000, ..Counts::default() };
    assert_eq!(counts.in_ring(), 4321);
}

#[test]
fn what_is_hidden_is_said_and_is_no_loss() {
    let hidden = |hidden| Counts { hidden, ..whole() };
    let said = [
        None,
        Some("the calls of 1 process from where it became a program that its caller may not trace"),
        Some("the calls of 2 processes from where they became programs that their caller may not trace"),
    ];
    assert_eq!([0, 1, 2].map(|many| hidden(many).hidden()), said.map(|said| said.map(str::to_owned)));
    assert_eq!(hidden(2).losses(), Vec::<String>::new());
}

#[test]
fn a_reader_says_what_it_has_received_and_bpf_the_rest() {
    let reader = Counts {
        received: 1,
        ends_received: 2,
        undecoded: 3,
        submissions_received: 4,
        told_received: 5,
        unnamed: 6,
        hidden: 7,
        ..Counts::default()
    };
    let bpf = Counts { seen: 10, emitted: 11, ends: 12, submitted: 13, told: 14, ..Counts::default() };
    let both = Counts { seen: 10, emitted: 11, ends: 12, submitted: 13, told: 14, ..reader };
    assert_eq!(bpf.with_received(reader), both);
}

#[test]
fn reports_of_losses_add_up() {
    let mut losses = Losses::Unknown;
    assert!(!losses.are_known());
    losses.report(0);
    assert_eq!((losses.are_known(), &losses), (false, &Losses::Reported(0)), "it says that it has lost nothing");
    losses.report(2);
    losses.report(3);
    assert!(losses.are_known());
    assert_eq!(losses.sentences(), ["it says that it has lost 5"]);
    assert_eq!(Losses::Unknown.sentences(), Vec::<String>::new());
    let sentences = vec!["one".to_owned(), "two".to_owned()];
    let counted = Losses::Counted(sentences.clone());
    assert_eq!((counted.are_known(), counted.sentences()), (true, sentences));
    assert!(!Losses::Counted(Vec::new()).are_known());
}
