//! What bpf(2) is asked, by its command (include/uapi/linux/bpf.h, `union bpf_attr`).
//!
//! No I/O. The kernel takes what a program does not give as 0.

use super::super::MemberKind::{Address, Choice, Directory, Flags, Hex, KernelVersion, Signed, Text, ToText, Unsigned};
use super::super::WhenShown::{Among, NotAmong, With, Without};
use super::super::{Member, Struct, WhenShown};
use super::{first, last};
use crate::table::names;

/// Where the type of attachment is, and types among its values: those to network devices (BPF_XDP, BPF_TCX_INGRESS, BPF_TCX_EGRESS,
/// BPF_NETKIT_PRIMARY, BPF_NETKIT_PEER); BPF_PERF_EVENT; BPF_TRACE_FENTRY, BPF_TRACE_FEXIT, BPF_MODIFY_RETURN,
/// BPF_LSM_MAC and BPF_TRACE_FSESSION; BPF_NETFILTER; those of tcx, of netkit, and of several kprobes or uprobes; BPF_TRACE_ITER.
const TYPE: usize = 8;
const DEVICES: u64 = 1 << 37 | TCX | NETKIT;
const PERF_EVENT: u64 = 1 << 41;
const TRACING: u64 = 0xf << 24 | 1 << 58;
const NETFILTER: u64 = 1 << 45;
const TCX: u64 = 0b11 << 46;
const NETKIT: u64 = 0b11 << 54;
const KPROBES: u64 = 1 << 42;
const UPROBES: u64 = 1 << 48;
const ITER: u64 = 1 << 28;

/// BPF_F_ID: what a program is attached beside is given by its identity.
const BY_ID: u64 = 1 << 5;

/// BPF_MAP_CREATE.
pub static MAP_CREATE: Struct = laid_out!(92, 18;
    "map_type" 0 4 Choice(&names::BPF_MAP_TYPE), "key_size" 4 4 Unsigned, "value_size" 8 4 Unsigned, "max_entries" 12 4 Unsigned,
    "map_flags" 16 4 Flags(&names::BPF_MAP_FLAGS), "inner_map_fd" 20 4 Signed, "numa_node" 24 4 Unsigned => With(16, 4),
    "map_name" 28 16 Text, "map_ifindex" 44 4 Unsigned, "btf_fd" 48 4 Signed, "btf_key_type_id" 52 4 Unsigned,
    "btf_value_type_id" 56 4 Unsigned, "btf_vmlinux_value_type_id" 60 4 Unsigned, "map_extra" 64 8 Unsigned,
    "value_type_btf_obj_fd" 72 4 Signed, "map_token_fd" 76 4 Signed, "excl_prog_hash" 80 8 Address,
    "excl_prog_hash_size" 88 4 Unsigned,
)
.filled_up_to(16);

/// BPF_MAP_LOOKUP_ELEM, and BPF_MAP_LOOKUP_AND_DELETE_ELEM.
pub static MAP_LOOKUP: Struct = laid_out!(32, 4;
    "map_fd" 0 4 Signed, "key" 8 8 Address, "value" 16 8 Address, "flags" 24 8 Flags(&names::BPF_LOOKUP),
)
.filled_up_to(24);

/// BPF_MAP_UPDATE_ELEM.
pub static MAP_UPDATE: Struct = laid_out!(32, 4;
    "map_fd" 0 4 Signed, "key" 8 8 Address, "value" 16 8 Address, "flags" 24 8 Flags(&names::BPF_UPDATE),
)
.filled_up_to(32);

/// BPF_MAP_DELETE_ELEM.
pub static MAP_DELETE: Struct = laid_out!(16, 2; "map_fd" 0 4 Signed, "key" 8 8 Address).filled_up_to(16);

/// BPF_MAP_GET_NEXT_KEY.
pub static MAP_NEXT_KEY: Struct =
    laid_out!(24, 3; "map_fd" 0 4 Signed, "key" 8 8 Address, "next_key" 16 8 Address).filled_up_to(24);

/// BPF_MAP_FREEZE.
pub static MAP_FREEZE: Struct = laid_out!(4, 1; "map_fd" 0 4 Signed).filled_up_to(4);

/// BPF_PROG_LOAD.
pub static PROG_LOAD: Struct = laid_out!(168, 31;
    "prog_type" 0 4 Choice(&names::BPF_PROG_TYPE), "insn_cnt" 4 4 Unsigned, "insns" 8 8 Address, "license" 16 8 ToText,
    "log_level" 24 4 Unsigned, "log_size" 28 4 Unsigned, "log_buf" 32 8 Address, "kern_version" 40 4 KernelVersion,
    "prog_flags" 44 4 Flags(&names::BPF_PROG_FLAGS), "prog_name" 48 16 Text, "prog_ifindex" 64 4 Unsigned,
    "expected_attach_type" 68 4 Choice(&names::BPF_ATTACH_TYPE), "prog_btf_fd" 72 4 Signed, "func_info_rec_size" 76 4 Unsigned,
    "func_info" 80 8 Address, "func_info_cnt" 88 4 Unsigned, "line_info_rec_size" 92 4 Unsigned, "line_info" 96 8 Address,
    "line_info_cnt" 104 4 Unsigned, "attach_btf_id" 108 4 Unsigned, "attach_prog_fd" 112 4 Signed, "core_relo_cnt" 116 4 Unsigned,
    "fd_array" 120 8 Address, "core_relos" 128 8 Address, "core_relo_rec_size" 136 4 Unsigned, "log_true_size" 140 4 Unsigned,
    "prog_token_fd" 144 4 Signed, "fd_array_cnt" 148 4 Unsigned, "signature" 152 8 Address, "signature_size" 160 4 Unsigned,
    "keyring_id" 164 4 Signed,
)
.filled_up_to(24);

/// BPF_OBJ_PIN and BPF_OBJ_GET.
pub static OBJ_PIN: Struct = laid_out!(20, 4;
    "pathname" 0 8 ToText, "bpf_fd" 8 4 Signed, "file_flags" 12 4 Flags(&names::BPF_FILE_FLAGS),
    "path_fd" 16 4 Directory,
)
.filled_up_to(12);

/// BPF_PROG_ATTACH and BPF_PROG_DETACH.
pub static PROG_ATTACH: Struct = laid_out!(32, 9;
    "target_fd" 0 4 Signed => NotAmong(TYPE, DEVICES), "target_ifindex" 0 4 Unsigned => Among(TYPE, DEVICES), "attach_bpf_fd" 4 4 Signed, "attach_type" 8 4 Choice(&names::BPF_ATTACH_TYPE),
    "attach_flags" 12 4 Flags(&names::BPF_ATTACH_FLAGS), "replace_bpf_fd" 16 4 Signed, "relative_fd" 20 4 Signed => Without(12, BY_ID), "relative_id" 20 4 Unsigned => With(12, BY_ID),
    "expected_revision" 24 8 Unsigned,
)
.filled_up_to(16);

/// BPF_PROG_TEST_RUN.
pub static PROG_TEST_RUN: Struct = laid_out!(76, 15;
    "test.prog_fd" 0 4 Signed, "test.retval" 4 4 Unsigned, "test.data_size_in" 8 4 Unsigned, "test.data_size_out" 12 4 Unsigned,
    "test.data_in" 16 8 Address, "test.data_out" 24 8 Address, "test.repeat" 32 4 Unsigned, "test.duration" 36 4 Unsigned,
    "test.ctx_size_in" 40 4 Unsigned, "test.ctx_size_out" 44 4 Unsigned, "test.ctx_in" 48 8 Address, "test.ctx_out" 56 8 Address,
    "test.flags" 64 4 Flags(&names::BPF_TEST_RUN), "test.cpu" 68 4 Unsigned, "test.batch_size" 72 4 Unsigned,
)
.filled_up_to(40);

/// BPF_PROG_GET_NEXT_ID, and the same of maps, types and links.
pub static NEXT_ID: Struct = laid_out!(8, 2; "start_id" 0 4 Unsigned, "next_id" 4 4 Unsigned).filled_up_to(8);

/// BPF_PROG_GET_FD_BY_ID.
pub static PROG_BY_ID: Struct = laid_out!(4, 1; "prog_id" 0 4 Unsigned).filled_up_to(4);

/// BPF_MAP_GET_FD_BY_ID.
pub static MAP_BY_ID: Struct =
    laid_out!(12, 2; "map_id" 0 4 Unsigned, "open_flags" 8 4 Flags(&names::BPF_FILE_MODE)).filled_up_to(4);

/// BPF_OBJ_GET_INFO_BY_FD.
pub static INFO_BY_FD: Struct = laid_out!(16, 3;
    "info.bpf_fd" 0 4 Signed, "info.info_len" 4 4 Unsigned, "info.info" 8 8 Address,
)
.filled_up_to(16);

/// BPF_PROG_QUERY.
pub static PROG_QUERY: Struct = laid_out!(64, 11;
    "query.target_fd" 0 4 Signed => NotAmong(4, DEVICES), "query.target_ifindex" 0 4 Unsigned => Among(4, DEVICES), "query.attach_type" 4 4 Choice(&names::BPF_ATTACH_TYPE),
    "query.query_flags" 8 4 Flags(&names::BPF_QUERY), "query.attach_flags" 12 4 Flags(&names::BPF_ATTACH_FLAGS),
    "query.prog_ids" 16 8 Address, "query.prog_cnt" 24 4 Unsigned, "query.prog_attach_flags" 32 8 Address,
    "query.link_ids" 40 8 Address, "query.link_attach_flags" 48 8 Address, "query.revision" 56 8 Hex,
)
.filled_up_to(28);

/// BPF_RAW_TRACEPOINT_OPEN.
pub static RAW_TRACEPOINT: Struct = laid_out!(24, 3;
    "raw_tracepoint.name" 0 8 ToText, "raw_tracepoint.prog_fd" 8 4 Signed, "raw_tracepoint.cookie" 16 8 Hex,
)
.filled_up_to(12);

/// BPF_BTF_LOAD.
pub static BTF_LOAD: Struct = laid_out!(40, 8;
    "btf" 0 8 Address, "btf_log_buf" 8 8 Address, "btf_size" 16 4 Unsigned, "btf_log_size" 20 4 Unsigned,
    "btf_log_level" 24 4 Unsigned, "btf_log_true_size" 28 4 Unsigned, "btf_flags" 32 4 Flags(&names::BPF_FILE_FLAGS),
    "btf_token_fd" 36 4 Signed,
)
.filled_up_to(28);

/// BPF_BTF_GET_FD_BY_ID.
pub static BTF_BY_ID: Struct = laid_out!(16, 3;
    "btf_id" 0 4 Unsigned, "open_flags" 8 4 Flags(&names::BPF_FILE_MODE), "fd_by_id_token_fd" 12 4 Signed,
)
.filled_up_to(4);

/// BPF_TASK_FD_QUERY.
pub static TASK_FD_QUERY: Struct = laid_out!(48, 9;
    "task_fd_query.pid" 0 4 Signed, "task_fd_query.fd" 4 4 Signed, "task_fd_query.flags" 8 4 Unsigned,
    "task_fd_query.buf_len" 12 4 Unsigned, "task_fd_query.buf" 16 8 Address, "task_fd_query.prog_id" 24 4 Unsigned,
    "task_fd_query.fd_type" 28 4 Choice(&names::BPF_FD_TYPE), "task_fd_query.probe_offset" 32 8 Hex,
    "task_fd_query.probe_addr" 40 8 Hex,
)
.filled_up_to(48);

/// BPF_MAP_LOOKUP_BATCH and BPF_MAP_LOOKUP_AND_DELETE_BATCH.
pub static LOOKUP_BATCH: Struct = laid_out!(56, 8;
    "batch.in_batch" 0 8 Address, "batch.out_batch" 8 8 Address, "batch.keys" 16 8 Address, "batch.values" 24 8 Address,
    "batch.count" 32 4 Unsigned, "batch.map_fd" 36 4 Signed, "batch.elem_flags" 40 8 Flags(&names::BPF_LOOKUP), "batch.flags" 48 8 Hex,
)
.filled_up_to(56);

/// BPF_MAP_UPDATE_BATCH.
pub static UPDATE_BATCH: Struct = laid_out!(56, 6;
    "batch.keys" 16 8 Address, "batch.values" 24 8 Address, "batch.count" 32 4 Unsigned, "batch.map_fd" 36 4 Signed,
    "batch.elem_flags" 40 8 Flags(&names::BPF_UPDATE), "batch.flags" 48 8 Hex,
)
.filled_up_to(56);

/// BPF_MAP_DELETE_BATCH.
pub static DELETE_BATCH: Struct = laid_out!(56, 5;
    "batch.keys" 16 8 Address, "batch.count" 32 4 Unsigned, "batch.map_fd" 36 4 Signed,
    "batch.elem_flags" 40 8 Flags(&names::BPF_LOOKUP), "batch.flags" 48 8 Hex,
)
.filled_up_to(56);

/// BPF_LINK_CREATE. What follows the flags depends on the type of attachment.
pub static LINK_CREATE: Struct = laid_out!(64, 31;
    "link_create.prog_fd" 0 4 Signed, "link_create.target_fd" 4 4 Signed => NotAmong(TYPE, DEVICES), "link_create.target_ifindex" 4 4 Unsigned => Among(TYPE, DEVICES), "link_create.attach_type" 8 4 Choice(&names::BPF_ATTACH_TYPE),
    "link_create.flags" 12 4 Flags(&names::BPF_ATTACH_FLAGS),
    "link_create.iter_info" 16 8 Address => Among(TYPE, ITER), "link_create.iter_info_len" 24 4 Unsigned => Among(TYPE, ITER),
    "link_create.perf_event.bpf_cookie" 16 8 Hex => Among(TYPE, PERF_EVENT),
    "link_create.tracing.target_btf_id" 16 4 Unsigned => Among(TYPE, TRACING),
    "link_create.tracing.cookie" 24 8 Hex => Among(TYPE, TRACING),
    "link_create.netfilter.pf" 16 4 Unsigned => Among(TYPE, NETFILTER), "link_create.netfilter.hooknum" 20 4 Unsigned => Among(TYPE, NETFILTER),
    "link_create.netfilter.priority" 24 4 Signed => Among(TYPE, NETFILTER),
    "link_create.netfilter.flags" 28 4 Flags(&names::BPF_NETFILTER) => Among(TYPE, NETFILTER),
    "link_create.tcx.relative_fd" 16 4 Signed => Among(TYPE, TCX), "link_create.tcx.expected_revision" 24 8 Hex => Among(TYPE, TCX),
    "link_create.netkit.relative_fd" 16 4 Signed => Among(TYPE, NETKIT),
    "link_create.netkit.expected_revision" 24 8 Hex => Among(TYPE, NETKIT),
    "link_create.kprobe_multi.flags" 16 4 Flags(&names::BPF_KPROBES) => Among(TYPE, KPROBES),
    "link_create.kprobe_multi.cnt" 20 4 Unsigned => Among(TYPE, KPROBES), "link_create.kprobe_multi.syms" 24 8 Address => Among(TYPE, KPROBES),
    "link_create.kprobe_multi.addrs" 32 8 Address => Among(TYPE, KPROBES), "link_create.kprobe_multi.cookies" 40 8 Address => Among(TYPE, KPROBES),
    "link_create.uprobe_multi.path" 16 8 Address => Among(TYPE, UPROBES), "link_create.uprobe_multi.offsets" 24 8 Address => Among(TYPE, UPROBES),
    "link_create.uprobe_multi.ref_ctr_offsets" 32 8 Address => Among(TYPE, UPROBES),
    "link_create.uprobe_multi.cookies" 40 8 Address => Among(TYPE, UPROBES), "link_create.uprobe_multi.cnt" 48 4 Unsigned => Among(TYPE, UPROBES),
    "link_create.uprobe_multi.flags" 52 4 Flags(&names::BPF_UPROBES) => Among(TYPE, UPROBES),
    "link_create.uprobe_multi.pid" 56 4 Signed => Among(TYPE, UPROBES), "link_create.uprobe_multi.path_fd" 60 4 Signed => Among(TYPE, UPROBES),
)
.filled_up_to(16);

/// BPF_LINK_UPDATE.
pub static LINK_UPDATE: Struct = laid_out!(16, 4;
    "link_update.link_fd" 0 4 Signed, "link_update.new_prog_fd" 4 4 Signed, "link_update.flags" 8 4 Flags(&names::BPF_ATTACH_FLAGS),
    "link_update.old_prog_fd" 12 4 Signed => With(8, 4),
)
.filled_up_to(16);

/// BPF_LINK_GET_FD_BY_ID.
pub static LINK_BY_ID: Struct = laid_out!(4, 1; "link_id" 0 4 Unsigned).filled_up_to(4);

/// BPF_ENABLE_STATS.
pub static ENABLE_STATS: Struct = laid_out!(4, 1; "enable_stats.type" 0 4 Choice(&names::BPF_STATS)).filled_up_to(4);

/// BPF_ITER_CREATE.
pub static ITER_CREATE: Struct =
    laid_out!(8, 2; "iter_create.link_fd" 0 4 Signed, "iter_create.flags" 4 4 Hex).filled_up_to(8);

/// BPF_LINK_DETACH.
pub static LINK_DETACH: Struct = laid_out!(4, 1; "link_detach.link_fd" 0 4 Signed).filled_up_to(4);

/// BPF_PROG_BIND_MAP.
pub static PROG_BIND_MAP: Struct = laid_out!(12, 3;
    "prog_bind_map.prog_fd" 0 4 Signed, "prog_bind_map.map_fd" 4 4 Signed, "prog_bind_map.flags" 8 4 Hex,
)
.filled_up_to(12);

/// BPF_TOKEN_CREATE.
pub static TOKEN_CREATE: Struct =
    laid_out!(8, 2; "token_create.flags" 0 4 Hex, "token_create.bpffs_fd" 4 4 Signed).filled_up_to(8);

/// BPF_PROG_STREAM_READ_BY_FD.
pub static STREAM_READ: Struct = laid_out!(20, 4;
    "prog_stream_read.stream_buf" 0 8 Address, "prog_stream_read.stream_buf_len" 8 4 Unsigned,
    "prog_stream_read.stream_id" 12 4 Unsigned, "prog_stream_read.prog_fd" 16 4 Signed,
)
.filled_up_to(20);

/// BPF_PROG_ASSOC_STRUCT_OPS.
pub static ASSOC_STRUCT_OPS: Struct = laid_out!(12, 3;
    "prog_assoc_struct_ops.map_fd" 0 4 Signed, "prog_assoc_struct_ops.prog_fd" 4 4 Signed, "prog_assoc_struct_ops.flags" 8 4 Hex,
)
.filled_up_to(12);
