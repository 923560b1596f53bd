//! Tracers that lie. The witness must object to each of them.

/// A tracer that lies, and an expectation with the same lie. Without the witness the scenario passes, but for [`ALSO_NOTED`].
pub struct Lie {
    pub name: &'static str,
    /// The text of the tracer to replace, and its replacement. `{close}` is the number of that call.
    pub tracer: [&'static str; 2],
    pub scenario: &'static str,
    /// The text of the scenario's table to replace, and its replacement.
    pub table: &'static [[&'static str; 2]],
    /// The witness's objection.
    pub said: &'static str,
}

/// Lies to which the child's own diary objects as well.
pub const ALSO_NOTED: [&str; 1] = ["an_inode_that_is_always_wrong"];

pub const LIES: &[Lie] = &[
    Lie {
        name: "a_wrong_result",
        tracer: [
            "	call->record.ret = ret;\n	if (asks_for_restart(ret)) {",
            "	call->record.ret = ret == 0 ? 1 : ret;\n	if (asks_for_restart(ret)) {",
        ],
        scenario: "sync-sync",
        table: &[["ret = 0", "ret = 1"]],
        said: "sync, result: 1 by BPF, 0 by ptrace",
    },
    Lie {
        name: "a_wrong_argument",
        tracer: [
            "	role = roles_of(record);\n	call->left_out",
            "	if (nr == {lseek})\n		record->args[1] += 1;\n	role = roles_of(record);\n	call->left_out",
        ],
        scenario: "readwrite-basic",
        table: &[["offset = 1", "offset = 2"]],
        said: "lseek, argument 2 (offset): 0x2 by BPF, 0x1 by ptrace",
    },
    Lie {
        name: "a_call_that_is_not_seen",
        tracer: [
            "	if (call->active == BORN) {",
            "	if (SYSCALL_NUMBER(regs) == {write}) {\n		call->active = NO_CALL;\n		__sync_fetch_and_add(&watch->seen, -1);\n		return 0;\n	}\n	if (call->active == BORN) {",
        ],
        scenario: "dup-basic",
        table: &[[
            "  { call = \"write\", fd = \"$b\", path = \"dup.txt\", count = 5, ret = 5, kind = \"file\", status = \"O_RDWR\", cloexec = false },\n",
            "",
        ]],
        said: "seen by ptrace alone: write(",
    },
    Lie {
        name: "the_end_of_a_process_is_a_call_that_is_not_seen",
        tracer: [
            "	if (!watch)\n		watch = first_call(task, &call);",
            "	if (number(ctx) == {exit_group})\n		return 0;\n	if (!watch)\n		watch = first_call(task, &call);",
        ],
        scenario: "dup-basic",
        table: &[],
        said: "seen by ptrace alone: exit_group(",
    },
    Lie {
        name: "paths_that_are_cut",
        tracer: ["IOR_PATH_MAX, (void *)address)", "8, (void *)address)"],
        scenario: "thread-exit",
        table: &[
            ["\"openat\", path = \"before.txt\"", "\"openat\", path = \"before.\", file = \"before.txt\""],
            ["\"openat\", path = \"thread.txt\"", "\"openat\", path = \"thread.\", file = \"thread.txt\""],
        ],
        said: "openat, path: \"before.\" by BPF, \"before.txt\" by ptrace",
    },
    Lie {
        name: "an_inode_that_is_always_wrong",
        tracer: ["to->inode = READ(cast, inode, i_ino);", "to->inode = READ(cast, inode, i_ino) + 1;"],
        scenario: "dup-basic",
        table: &[],
        said: "file behind the result: inode",
    },
    Lie {
        name: "no_close_on_exec",
        tracer: [" >> (fd % 64) & 1;", " & 0;"],
        // What was open before the watch is what the kernel says; of the rest, the calls before say otherwise.
        scenario: "fd-inherited",
        table: &[["cloexec = true", "cloexec = false"]],
        said: ", close-on-exec by ptrace",
    },
    Lie {
        name: "a_file_is_called_as_its_directory",
        tracer: [
            "	to->name = name_of(watch, number_of(READ(cast, file, f_path.dentry)),",
            "	struct dentry *of = READ(cast, file, f_path.dentry);\n	to->name = name_of(watch, number_of(READ(cast, of, d_parent)),",
        ],
        scenario: "dup-basic",
        table: &[
            ["path = \"dup.txt\"", "path = \".\""],
            ["\"openat\", path = \".\"", "\"openat\", path = \"dup.txt\", file = \".\""],
        ],
        said: "openat, name of what the path leads to: \".\" by BPF,",
    },
    Lie {
        name: "every_path_begins_at_the_root",
        tracer: [
            "	dentry = number_of(absolute ? READ(cast, fs, root.dentry) : READ(cast, fs, pwd.dentry));",
            "	dentry = number_of(READ(cast, fs, root.dentry));",
        ],
        scenario: "dup-basic",
        table: &[["\"openat\", path = \"dup.txt\"", "\"openat\", path = \"/dup.txt\", file = \"dup.txt\""]],
        said: "openat, path, with where it begins: \"/dup.txt\" by BPF,",
    },
    Lie {
        name: "the_thread_is_the_process",
        tracer: [
            "	record->pid = task->tgid;\n	record->tid = task->pid;",
            "	record->pid = task->tgid;\n	record->tid = task->tgid;",
        ],
        scenario: "thread-exit",
        table: &[["\"$second\"", "\"$first\", exit_tid = \"$second\""]],
        said: "seen by ptrace alone: ",
    },
    Lie {
        name: "other_bytes_behind_a_pointer",
        tracer: [
            "	out->record.path[0].err = unread;\n	if (n > IOR_DATA_CAP)",
            "	out->record.path[0].err = unread;\n	if (n == 3)\n		out->bytes[1] += 1;\n	if (n > IOR_DATA_CAP)",
        ],
        scenario: "data-written",
        table: &[["\"one\"", "\"ooe\""], ["\"two\"", "\"txo\""]],
        said: "write, what buf leads to: \"ooe\" by BPF, \"one\" by ptrace",
    },
    Lie {
        name: "a_segment_too_many",
        tracer: ["if (err || done >= count || !left)", "if (err || done >= count)"],
        scenario: "data-vectors",
        table: &[
            ["iov = [\"bcde\"]", "iov = [\"bcde\", \"\"]"],
            ["iov = [], iovcnt = 2", "iov = [\"\", \"\"], iovcnt = 2"],
        ],
        said: "preadv, what iov leads to: [\"bcde\", \"\"] by BPF, [\"bcde\"] by ptrace",
    },
    Lie {
        name: "members_of_another_place",
        tracer: [
            "	asked.address = argument(&call->record, block->arg);",
            "	asked.address = argument(&call->record, block->arg) + 8;",
        ],
        scenario: "data-epoll",
        table: &[
            ["event = { events = \"EPOLLIN\", data = 7 }, ", ""],
            ["event = { events = \"EPOLLOUT\", data = 0x123456789abc }, ", ""],
            ["events = [{ events = \"EPOLLOUT\", data = 0x123456789abc }], ", ""],
        ],
        said: "what event leads to",
    },
];
