#!/bin/sh
# The system calls of one process and of what it forks, as the text of an instance of its own: sh ftrace.sh PID
# (Documentation/trace/ftrace.rst). Its instance is removed when it is told to end.
set -eu
instance=/sys/kernel/tracing/instances/ior-it-$$
mkdir "$instance"
reader=
end() {
	trap - EXIT INT TERM
	echo 0 >"$instance/tracing_on"
	[ -z "$reader" ] || kill "$reader" 2>/dev/null || :
	wait
	rmdir "$instance"
}
trap end EXIT
trap 'exit 0' INT TERM
cd "$instance"
echo "$1" >set_event_pid
echo 1 >options/event-fork
echo mono >trace_clock
echo 1 >events/syscalls/enable
echo 1 >tracing_on
cat trace_pipe &
reader=$!
cd /
wait "$reader"
