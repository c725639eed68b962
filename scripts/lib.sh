# shellcheck shell=bash disable=SC2034
# What the scripts share: messages, waiting, ports, and processes that are stopped by who they are.
# Sourced by bash scripts that have `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Where scripts/up keeps what it started.
run_dir() { realpath -m "${QM_RUN:-$root/.run}"; }

cache=${XDG_CACHE_HOME:-$HOME/.cache}/quartermaster

# Messages go to stderr: stdout belongs to what a script answers (`install-parts`, `parts env`).
note() { printf '%s\n' "$*" >&2; }
die() {
  note "${0##*/}: $*"
  exit 1
}

# wait_until SECONDS COMMAND...: polls COMMAND until it succeeds; fails at the deadline.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.05
  done
}

# --- ports ---------------------------------------------------------------------------------------

# Whether something on loopback accepts connections on PORT.
port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A port nobody listens on, below Linux's ephemeral range so that no outgoing connection takes it meanwhile.
# Another process may still be quicker: callers try again with another port.
free_port() {
  local port
  for _ in {1..100}; do
    port=$((15000 + RANDOM % 17000))
    port_answers "$port" || {
      echo "$port"
      return
    }
  done
  die "found no free port on 127.0.0.1 between 15000 and 31999"
}

# http_ok PORT PATH: whether a GET answers 200. Needs no curl, which a fresh machine may lack.
http_ok() {
  local status
  {
    status=$(
      exec 3<>"/dev/tcp/127.0.0.1/$1" || exit
      printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$2" >&3
      read -r -t 2 line <&3 && echo "$line"
    )
  } 2>/dev/null || return 1
  [[ $status == HTTP/1.?\ 200* ]]
}

# --- processes -----------------------------------------------------------------------------------
# A pid alone may be handed to a stranger after its process died. What is recorded (pid, start time, boot)
# belongs to one process for ever, so nothing else is ever signalled.

# Prints who PID is; fails when it is gone or a zombie.
identity() {
  local stat fields
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  # The name, in brackets, may hold spaces: count from the last bracket on (state is first, start time 20th).
  read -ra fields <<<"${stat##*) }"
  [ "${fields[0]}" != Z ] || return 1
  echo "$1 ${fields[19]} $(</proc/sys/kernel/random/boot_id)"
}

# spawn PIDFILE LOG COMMAND...: starts COMMAND in a session of its own, so that Ctrl-C reaches only the script,
# which then stops its processes in order.
spawn() {
  local pid_file=$1 log=$2
  shift 2
  setsid "$@" </dev/null >>"$log" 2>&1 &
  identity $! >"$pid_file" || true
}

is_running() {
  local pid recorded
  recorded=$(cat "$1" 2>/dev/null) && [ -n "$recorded" ] || return 1
  pid=${recorded%% *}
  [ "$(identity "$pid")" = "$recorded" ]
}
is_gone() { ! is_running "$1"; }

# stop_recorded PIDFILE SIGNAL SECONDS: asks with SIGNAL, waits, and kills only what did not listen.
stop_recorded() {
  local pid
  if is_running "$1"; then
    read -r pid _ <"$1"
    kill -s "$2" "$pid" 2>/dev/null || true
    if ! wait_until "$3" is_gone "$1"; then
      note "$(basename "$1") did not stop within $3 s of SIG$2: killing it"
      kill -s KILL "$pid" 2>/dev/null || true
      wait_until 5 is_gone "$1" || note "$(basename "$1") (pid $pid) could not be killed"
    fi
  fi
  rm -f "$1"
}
