//! Each thing that the tracer must get right is broken on purpose, once: the suite must not pass with that tracer.
//!
//! The tracer's source is changed as text, compiled with clang, and given to the suite by `--bpf`.

use std::env::consts::ARCH;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use crate::support;
use ior_it::watch::tracer::{self, Tracer};
use libtest_mimic::{Completion, Failed, Trial};

/// What is broken, which text of the tracer is replaced, and by what.
const MUTATIONS: &[(&str, &str, &str)] = &[
    ("the_exit_program_does_nothing", "	if (!call)\n		return stray(task->tgid);", "	if (call || !call)\n		return 0;"),
    (
        "the_result_is_one_too_many",
        "	call->record.ret = ret;\n	if (asks_for_restart(ret)) {",
        "	call->record.ret = ret + 1;\n	if (asks_for_restart(ret)) {",
    ),
    (
        "the_result_of_a_refused_call_is_one_too_many",
        "	call->record.ret = ret;\n	if (!asks_for_restart",
        "	call->record.ret = ret + 1;\n	if (!asks_for_restart",
    ),
    (
        "refused_calls_are_not_seen",
        "	if (call->active == NO_CALL || call->active == INTERRUPTED)\n		return refuse",
        "	if (0)\n		return refuse",
    ),
    ("a_call_that_is_waited_for_is_refused_twice", "	if (!asks_for_restart(ret))\n		finish", "	if (1)\n		finish"),
    ("a_call_that_is_trapped_has_a_result", "	if ((__s32)ret != ROLLED_BACK(regs))", "	if (1)"),
    ("a_call_that_its_thread_is_killed_for_is_not_seen", "	else\n		tell_killer(watch, call);\n", ""),
    ("a_refused_call_is_as_any_other", "SYSCALL_NUMBER(regs), IOR_REFUSED);", "SYSCALL_NUMBER(regs), 0);"),
    (
        "a_new_thread_begins_with_a_refused_call",
        "	if (call->active == BORN) {\n		call->active = NO_CALL;\n		return 0;\n	}\n",
        "	if (call->active == BORN)\n		call->active = NO_CALL;\n",
    ),
    (
        "the_first_argument_is_wrong",
        "		SYSCALL_ARGS(regs, record->args);\n	}\n	return",
        "		SYSCALL_ARGS(regs, record->args);\n	}\n	record->args[0] += 1;\n	return",
    ),
    (
        "arguments_are_swapped",
        "		SYSCALL_ARGS(regs, record->args);\n	}\n	return",
        "		SYSCALL_ARGS(regs, record->args);\n	}\n	record->args[1] ^= record->args[2];\n	record->args[2] ^= record->args[1];\n	record->args[1] ^= record->args[2];\n	return",
    ),
    ("the_system_call_number_is_wrong", "	record->nr = nr;", "	record->nr = nr == 0 ? 1 : nr;"),
    (
        "each_hundredth_record_is_dropped_and_counted_as_sent",
        "	__u64 first;\n	long failed;\n\n",
        "	__u64 first;\n	long failed;\n	static __u32 count;\n\n	if (++count % 100 == 0)\n		return 0;\n",
    ),
    (
        "each_hundredth_record_is_dropped",
        "	__u64 first;\n	long failed;\n\n",
        "	__u64 first;\n	long failed;\n	static __u32 count;\n\n	if (++count % 100 == 0)\n		return -1;\n",
    ),
    (
        "a_record_is_sent_twice",
        "	copy_comm(&call->record, task);\n	if (send",
        "	copy_comm(&call->record, task);\n	if (call->record.nr == 3)\n		send(watch, &watch->emitted, call);\n	if (send",
    ),
    (
        "paths_are_cut_at_eight_bytes",
        "bpf_probe_read_user_str(to->path, IOR_PATH_MAX, (void *)address)",
        "bpf_probe_read_user_str(to->path, 8, (void *)address)",
    ),
    (
        "the_second_path_is_the_first",
        "			read_path_at(record, watch, 1, second, argument(record, role->path[1]));\n		else",
        "			read_path_at(record, watch, 1, second, argument(record, role->path[0]));\n		else",
    ),
    (
        "paths_are_not_read_again_at_exit_and_never_at_enter",
        "	if (role->path[0] && !(role->flags & IOR_PATH_AT_EXIT))\n		read_path_at(record, watch, 0, &call->path, argument(record, role->path[0]));\n	if (role->path[1]) {\n		struct path_room *second = second_path(task);\n\n		if (second)\n			read_path_at(record, watch, 1, second, argument(record, role->path[1]));\n		else",
        "	if (role->path[1]) {\n		struct path_room *second = second_path(task);\n\n		if (second)\n			read_path_at(record, watch, 1, second, argument(record, role->path[1]));\n		else",
    ),
    ("close_on_exec_is_always_clear", " >> (fd % 64) & 1;", " & 0;"),
    ("close_on_exec_is_always_set", " >> (fd % 64) & 1;", " | 1;"),
    (
        "close_on_exec_of_a_duplicate_is_that_of_the_first",
        "		identify_any(to, watch, file);\n	to->cloexec = cloexec;\n",
        "		identify_any(to, watch, file), to->cloexec = cloexec;\n",
    ),
    (
        "a_status_flag_is_wrong",
        "	to->flags = READ(cast, file, f_flags);",
        "	to->flags = READ(cast, file, f_flags) ^ 04000;",
    ),
    (
        "every_file_is_open_for_reading_and_writing",
        "	to->flags = READ(cast, file, f_flags);",
        "	to->flags = (READ(cast, file, f_flags) & ~3) | 2;",
    ),
    (
        "the_type_of_a_file_is_not_read",
        "	to->mode = READ(cast, inode, i_mode);",
        "	to->mode = READ(cast, inode, i_mode) & 07777;",
    ),
    ("everything_is_a_regular_file", "	to->mode = READ(cast, inode, i_mode);", "	to->mode = 0100644;"),
    ("the_filesystem_is_not_read", "	to->magic = READ(cast, super, s_magic);", ""),
    ("every_file_is_an_anonymous_inode", "	to->magic = READ(cast, super, s_magic);", "	to->magic = 0x09041934;"),
    ("names_are_not_told", "	id = tell_name(watch, dentry, mount, label);", "	id = 0;"),
    ("a_name_is_told_under_another_id", "	return out->record.number;", "	return out->record.number + 1;"),
    (
        "a_name_that_was_told_is_never_looked_at_again",
        "known->mount == mount && known->label == label && ",
        "known->mount == mount && ",
    ),
    (
        "what_a_file_is_called_is_no_part_of_its_label",
        "	return dentry + hash_len * 0xd6e8feb86659fd93ULL + seq * 0xa0761d6478bd642fULL;",
        "	return dentry;",
    ),
    ("names_end_at_their_mount", "		if (mount == below) {", "		if (mount) {"),
    ("removed_files_keep_their_name", "	out->state = is_deleted(dentry) ? IOR_NAME_DELETED : 0;", "	out->state = 0;"),
    ("a_path_of_its_own_is_taken_for_a_word", "		out->state |= IOR_NAME_ALONE;\n", ""),
    (
        "every_path_begins_at_the_root",
        "	dentry = number_of(absolute ? READ(cast, fs, root.dentry) : READ(cast, fs, pwd.dentry));",
        "	dentry = number_of(READ(cast, fs, root.dentry));",
    ),
    (
        "every_path_begins_at_the_working_directory",
        "	dentry = number_of(absolute ? READ(cast, fs, root.dentry) : READ(cast, fs, pwd.dentry));",
        "	dentry = number_of(READ(cast, fs, pwd.dentry));",
    ),
    ("what_close_range_closes_is_not_told", "	if (often && role->flags & IOR_CLOSES_RANGE)\n", "	if (0)\n"),
    ("what_close_range_closes_ends_too_early", "	if (open && first <= last)", "	if (open && first <= last--)"),
    ("what_a_duplicate_replaces_is_not_told", "	if (role->replaces)\n", "	if (0)\n"),
    ("what_was_read_late_is_not_marked", "	if (record->path[at].len && may_have_changed(address))", "	if (0)"),
    ("what_cannot_change_is_marked_late", "may_have_changed(address))\n		record->late", "true)\n		record->late"),
    (
        "the_path_of_a_program_is_read_from_its_memory",
        "	if (!watch || call->active != IN_CALL)\n		return 0;\n	give_up",
        "	if (watch || !watch)\n		return 0;\n	give_up",
    ),
    ("32_bit_calls_are_taken_for_others", "	if (IS_COMPAT(task)) {", "	if (0) {"),
    ("the_longest_path_is_one_byte_too_short", "		text->len = IOR_PATH_MAX;", "		text->len = IOR_PATH_MAX - 1;"),
    (
        "the_thread_at_exit_is_the_one_at_enter",
        "	call->record.exit_tid = task->pid;",
        "	call->record.exit_tid = call->record.tid;",
    ),
    (
        "the_identity_is_of_the_next_descriptor",
        "WORD(cast, &READ(cast, table, fd)[fd]);",
        "WORD(cast, &READ(cast, table, fd)[fd + 1]);",
    ),
    (
        "the_path_that_getcwd_fills_in_is_not_read",
        "	if (role->path[0] && done && role->flags & IOR_PATH_AT_EXIT)",
        "	if (0)",
    ),
    (
        "the_struct_of_openat2_is_not_read",
        "	if (role->peek && !(role->flags & IOR_PEEK_AT_EXIT))\n		peek_at(call, role);\n	if (often && role->flags & IOR_CLOSES_RANGE)",
        "	if (often && role->flags & IOR_CLOSES_RANGE)",
    ),
    (
        "the_pair_is_not_identified",
        "	if (done && role->flags & IOR_MAKES_PAIR)\n		identify_pair(call, watch, files_of(task));",
        "",
    ),
    (
        "the_pair_is_one_descriptor_twice",
        "identify(&call->file[IOR_SECOND], watch, files, pair[1], NULL);",
        "identify(&call->file[IOR_SECOND], watch, files, pair[0], NULL);",
    ),
    (
        "the_inode_is_wrong_for_arguments",
        "	role = begin(watch, call, task, regs, nr, 0);\n	if (role)\n		read_at_enter(call, watch, task, role, true);",
        "	role = begin(watch, call, task, regs, nr, 0);\n	if (role)\n		read_at_enter(call, watch, task, role, true);\n	call->file[IOR_FIRST].inode += 1;",
    ),
    (
        "everybody_is_watched_as_the_first",
        "	struct ior_filter *entry = bpf_map_lookup_elem(&filter, &tgid);\n\n	return entry && !entry->gone ? entry : NULL;",
        "	static struct ior_filter first;\n\n	return &first;",
    ),
    ("nobody_is_watched", "	return entry && !entry->gone ? entry : NULL;", "	return NULL;"),
    (
        "the_thread_is_the_process",
        "	record->pid = task->tgid;\n	record->tid = task->pid;",
        "	record->pid = task->tgid;\n	record->tid = task->tgid;",
    ),
    ("records_belong_to_another_watch", "	record->watch = watch->id;", "	record->watch = watch->id + 1;"),
    (
        "the_end_of_a_process_is_not_sent",
        "	__sync_fetch_and_add(&watch->ends, 1);\n	if (bpf_ringbuf_output",
        "	if (0 && bpf_ringbuf_output",
    ),
    (
        "the_unreturned_call_is_not_sent",
        "	if (call && (call->active == IN_CALL || call->active == INTERRUPTED))\n		finish_unreturned(watch, call);\n	else\n",
        "",
    ),
    ("paths_are_not_read_again_at_exit", "	if (role->path[0] && record->path[0].err)", "	if (0)"),
    ("second_paths_are_not_read_again_at_exit", "	if (role->path[1] && record->path[1].err) {", "	if (0) {"),
    ("restarts_are_calls_of_their_own", "	if (asks_for_restart(ret)) {", "	if (0) {"),
    (
        "a_call_that_goes_on_by_restart_syscall_has_no_result",
        "	if (SYSCALL_NUMBER(regs) == -1 && call->record.nr != (__u32)-1) {",
        "	if (SYSCALL_NUMBER(regs) != (__s32)call->record.nr) {",
    ),
    (
        "a_call_that_is_made_again_is_another",
        "	if (call->active == INTERRUPTED && is_made_again(call, regs)) {\n		call->active",
        "	if (0) {\n		call->active",
    ),
    ("a_call_with_other_arguments_is_made_again", "		if (args[i] != call->record.args[i])", "		if (0)"),
    (
        "handlers_do_not_end_an_interrupted_call",
        "	    (call->record.ret == -ERESTARTSYS && action->sa.sa_flags & SA_RESTART)) {",
        "	    action) {",
    ),
    (
        "handlers_always_end_an_interrupted_call",
        "	    (call->record.ret == -ERESTARTSYS && action->sa.sa_flags & SA_RESTART)) {",
        "	    0) {",
    ),
    ("a_call_does_not_come_back_from_a_handler", "		if (call->aside)\n			come_back", "		if (0)\n			come_back"),
    ("a_call_comes_back_to_wherever_a_handler_returns", "|| aside->stack != search->stack)", ")"),
    (
        "a_call_from_the_same_place_is_the_same_call",
        "		if (found)\n			give_up(watch, call, found - 1);\n",
        "		if (found) {\n			come_back(watch, call, INSTRUCTION(regs) - CALL_BYTES, STACK(regs));\n			call->active = IN_CALL;\n			return true;\n		}\n",
    ),
    ("the_name_is_that_of_the_enter", "	copy_comm(&call->record, task);\n", ""),
    (
        "a_foreign_exit_ends_a_call",
        "	if (!call)\n		return stray(task->tgid);",
        "	if (!call) {\n		struct ior_filter *entry = watched(task->tgid);\n\n		watch = entry ? watch_of(entry) : NULL;\n		if (watch)\n			__sync_fetch_and_add(&watch->seen, 1);\n		return 0;\n	}",
    ),
    ("forks_are_never_followed", "	if (!(watch->flags & IOR_FOLLOW))\n", "	if (watch)\n"),
    ("forks_are_always_followed", "	if (!(watch->flags & IOR_FOLLOW))\n", "	if (0)\n"),
    (
        "a_followed_process_is_taken_for_its_parent",
        "	record->pid = task->tgid;",
        "	record->pid = watch->flags & IOR_FOLLOW ? 1 : task->tgid;",
    ),
    ("identities_are_left_out_of_a_record", "	return call->file[IOR_FIRST].open;", "	return 0;"),
    ("the_identity_of_a_made_descriptor_is_left_out", "	if (call->file[IOR_MADE].open)\n		return IOR_MADE + 1;\n", ""),
    ("the_mark_of_a_forked_process_is_not_set", "	mark(child_tgid);\n", ""),
    (
        "names_that_are_long_or_on_another_mount_are_not_told",
        "	return rest_of_label(number_of(dentry), within, sum);",
        "	return 0;",
    ),
    (
        "that_a_file_was_removed_is_no_part_of_its_label",
        "	__u64 sum = !READ(cast, dentry, d_hash.pprev) && up != dentry;",
        "	__u64 sum = 0;",
    ),
    ("the_status_of_a_process_is_not_sent", "	tell_end(watch, wait_status(task), 0);", "	tell_end(watch, 0, 0);"),
    (
        "the_status_of_a_killed_process_is_not_its_groups",
        "	if (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)\n		return BPF_CORE_READ(task, signal, group_exit_code);\n",
        "	if (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)\n		return 0;\n",
    ),
    (
        "the_handle_is_not_read",
        "	if (done && role->peek && role->flags & IOR_PEEK_AT_EXIT)\n		peek_at(call, role);",
        "",
    ),
    (
        "a_request_is_joined_with_another_completion",
        "	request = bpf_map_lookup_elem(&requests, &search.key);",
        "	search.key += 8;\n	request = bpf_map_lookup_elem(&requests, &search.key);",
    ),
    (
        "a_request_belongs_to_whoever_completes_it",
        "	watch = watch_at(request->slot);\n	if (watch && watch->id != request->watch)",
        "	struct pending *mine = bpf_task_storage_get(&pending_calls, task, NULL, 0);\n\n	watch = mine ? watch_of_call(mine) : NULL;\n	if (watch && watch->id != request->watch)",
    ),
    ("a_request_belongs_to_another_watch", "		.watch = record->watch,\n", "		.watch = record->watch + 1,\n"),
    ("the_result_of_a_request_is_one_too_many", "out->record.ret = res;", "out->record.ret = res + 1;"),
    ("the_worker_is_taken_for_the_submitter", "task->pid != request->tid", "task->pid == request->tid"),
    (
        "the_entry_of_a_request_is_the_next_one",
        "(BPF_CORE_READ(ring, cached_sq_head) - 1)",
        "BPF_CORE_READ(ring, cached_sq_head)",
    ),
    (
        "the_paths_of_a_request_are_not_read",
        "	if (role)\n		read_arguments(call, watch, task, role);\n	__builtin_memcpy",
        "	__builtin_memcpy",
    ),
    (
        "what_a_request_opens_is_not_identified",
        "		identify(&to->file[IOR_MADE], watch, files, to->record.ret, NULL);",
        "		return;",
    ),
    ("requests_that_are_refused_are_not_seen", "	return submit(ctx->args[1], ctx->args[0]);", "	return 0;"),
    ("the_first_of_many_completions_is_taken_for_the_last", "!key && flags & IORING_CQE_F_MORE ? IOR_MORE : 0;", "0;"),
    (
        "completions_without_a_request_are_dropped",
        "	if (!key)\n		bpf_for_each_map_elem(&requests, is_of_completion, &search, 0);\n",
        "",
    ),
    (
        "requests_that_outlive_their_process_are_dropped",
        "	if (ior_requests && in_flight)\n		bpf_for_each_map_elem(&requests, end_request, &tgid, 0);\n",
        "",
    ),
    (
        "the_file_of_a_request_is_that_of_its_submission",
        "	if (file && !(out->record.state & IOR_HAS_FILE) &&",
        "	if (0 &&",
    ),
    ("a_message_of_another_ring_is_a_completion", "(!key && !state && !(flags & OVERFLOWN))", "0"),
    ("requests_that_are_not_told_apart_are_not_called_so", "	if (search.found > 1)\n", "	if (0)\n"),
    ("a_request_without_completion_is_forgotten", "	if (before)\n		complete(before, key, 0, IOR_UNFINISHED);\n", ""),
];

/// A tracer of which the kernel skips a program: the enter of close reads what no process has, which is a page fault of the
/// kernel's; a program that runs at such faults does the same, and is skipped at that one, since it is running.
const SKIPPED: [(&str, &str); 2] = [
    (
        "	record->nr = nr;",
        "	record->nr = nr;\n	__u64 word;\n	if (nr == 3)\n		bpf_probe_read_user(&word, sizeof(word), (void *)8);",
    ),
    (
        "SEC(\"tp_btf/sched_process_fork\")\n",
        "SEC(\"tp_btf/page_fault_kernel\")\nint BPF_PROG(ior_fork, unsigned long address)\n{\n	__u64 word;\n\n	if (address == 8)\n		bpf_probe_read_user(&word, sizeof(word), (void *)8);\n	return 0;\n}\n\nSEC(\"?tp_btf/sched_process_fork\")\n",
    ),
];

pub fn main() -> ExitCode {
    support::run_live("mutations", || match Bench::new() {
        Ok(bench) => trials(&Arc::new(bench)),
        Err(error) => vec![Trial::test("mutations", move || Err(error.into()))],
    })
}

fn trials(bench: &Arc<Bench>) -> Vec<Trial> {
    let unchanged = Arc::clone(bench);
    let control = Trial::test("the_tracer_as_it_is_passes", move || unchanged.control());
    let mutation = |&(name, from, to): &(&'static str, &'static str, &'static str)| {
        let bench = Arc::clone(bench);
        Trial::test(name, move || bench.mutation(name, from, to))
    };
    let skipping = Arc::clone(bench);
    let skipped = Trial::ignorable_test("a_program_that_the_kernel_skips_is_a_loss", move || match ARCH {
        "x86_64" => skipping.skipped().map(|()| Completion::Completed),
        other => Ok(Completion::ignored_with(format!("page faults have no tracepoint on {other}"))),
    });
    let stale = Arc::clone(bench);
    let stale = Trial::test("a_thread_that_remembers_a_watch_is_not_of_the_next_one", move || stale.stale());
    [control, skipped, stale].into_iter().chain(MUTATIONS.iter().map(mutation)).collect()
}

struct Bench {
    source: String,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Result<Self, String> {
        let source = support::source().map_err(|error| error.to_string())?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        Ok(Self { source, folder })
    }

    fn control(&self) -> Result<(), Failed> {
        let object = support::compile(self.folder.path(), "control", &self.source)?;
        let (code, text) = suite(&object)?;
        require!(code == Some(0), "exit {code:?}:\n{text}");
        require!(tells_the_status(&object)?, "the status of a command is not told");
        Ok(())
    }

    /// No scenario makes calls after its watch is gone; a process that somebody else goes on to run does.
    fn stale(&self) -> Result<(), Failed> {
        let [from, to] = ["return watch && watch->id == call->record.watch ? watch : NULL;", "return watch;"];
        require!(self.source.contains(from), "bring this text up to date: {from}");
        let broken = support::compile(self.folder.path(), "stale", &self.source.replace(from, to))?;
        let whole = support::compile(self.folder.path(), "not_stale", &self.source)?;
        let [whole, broken] = [calls_of_an_earlier_watch(whole)?, calls_of_an_earlier_watch(broken)?];
        require!(whole == 0, "{whole} calls of a process were counted after its watch, to another one");
        require!(broken > 0, "a tracer that does not ask whether a watch still is was not noticed");
        Ok(())
    }

    /// Nothing is missing of its traces, and still they prove nothing: what was not counted cannot be missed.
    fn skipped(&self) -> Result<(), Failed> {
        let mut source = self.source.clone();
        for (from, to) in SKIPPED {
            require!(source.matches(from).count() == 1, "bring this up to date: {from}");
            source = source.replacen(from, to, 1);
        }
        let source = source.replace("BPF_PROG(ior_fork, struct", "BPF_PROG(unused, struct");
        let object = support::compile(self.folder.path(), "skipped", &source)?;
        let args = ["--exact", "--filter", "dup-basic", "--filter", "close-basic"];
        let output = Command::new(env!("CARGO_BIN_EXE_ior-it")).arg("--bpf").arg(object).args(args).output()?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        require!(output.status.code() == Some(5), "exit {:?}:\n{text}", output.status);
        // Each of the two closes at least a descriptor of its own; every other count is as it should be.
        require!(text.matches("the kernel skipped a program of the tracer").count() == 2, "{text}");
        require!(text.matches("\n  lost ").count() == 2, "{text}");
        Ok(())
    }

    fn mutation(&self, name: &str, from: &str, to: &str) -> Result<(), Failed> {
        let places = self.source.matches(from).count();
        require!(places == 1, "the text to replace stands in {places} places of the tracer: bring this row up to date");
        let object = support::compile(self.folder.path(), name, &self.source.replacen(from, to, 1))?;
        let (code, text) = suite(&object)?;
        // 101 failed, 5 inconclusive, 3 the canary was not seen. A tracer that the verifier refuses would show nothing.
        require!(!text.contains("verifier"), "the mutant was not loaded:\n{text}");
        let noticed = matches!(code, Some(101 | 5 | 3)) || !tells_the_status(&object)?;
        require!(noticed, "exit {code:?}: the suite did not notice");
        Ok(())
    }
}

/// Whether the status of processes is told, which no scenario looks at: of a command that exits, and of one that is killed.
fn tells_the_status(object: &Path) -> Result<bool, Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ior-it"));
    command.arg("--bpf").arg(object).args(["--", "sh", "-c", "(exit 7); sh -c 'kill -9 $$'; exit 8"]);
    let trace = String::from_utf8_lossy(&command.output()?.stderr).into_owned();
    let told = ["exited with 7 +++", "killed by SIGKILL +++", "exited with 8 +++"];
    Ok(told.iter().all(|status| trace.contains(status)))
}

/// How many calls of this process, watched a while ago, are counted to another that has its slot now and makes none.
fn calls_of_an_earlier_watch(object: PathBuf) -> Result<u64, Failed> {
    let tracer = Tracer::load(&tracer::Options { bpf: Some(object), ..tracer::Options::default() })?;
    drop(tracer.watch(0, std::process::id(), false)?);
    let mut blocked = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let input = blocked.stdin.take();
    let mut byte = [0; 1];
    // The first that it makes after its start: from then on it waits for its input.
    let reads = format!("{} 0x0 ", libc::SYS_read);
    while !std::fs::read_to_string(format!("/proc/{}/syscall", blocked.id()))?.starts_with(&reads) {
        std::thread::yield_now();
    }
    let watching = tracer.watch(0, blocked.id(), false)?;
    // Watched again, elsewhere: the calls of a process that is not are not looked at.
    let own = tracer.watch(1, std::process::id(), false)?;
    std::fs::File::open("/dev/null")?.read_exact(&mut byte).ok();
    let seen = watching.counts().seen;
    drop((own, watching, input));
    blocked.wait()?;
    Ok(seen)
}

/// The exit code and all output of the whole suite with this tracer. A timeout of a second: a broken tracer must not hang it.
fn suite(object: &Path) -> Result<(Option<i32>, String), Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_ior-it")).arg("--bpf").arg(object).arg("-q").output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
}
