# The part of every script that is the same: tasks one after another, a journal of them, and an end line.
# Arguments: MODE ("run"; "plan" asks the guards only; "stopped" is what systemd calls afterwards), RUN,
# PLAYBOOK, DIGEST, FOLDER (of this run, on the memory disk). `filter` and `total` are set before this text.
# A task that needs nothing must cost next to nothing: no process is started for it where bash can do it.
# shellcheck shell=bash disable=SC2154,SC2034

mode=$1 run=$2 playbook=$3 digest=$4 folder=$5
state=/var/lib/provisioner
log_limit=10000000 tail_limit=4000 guard_limit=60
umask 077

if [[ $mode == stopped ]]; then
  printf -v line '{"event":"stopped","at":%s,"result":"%s","status":"%s"}' \
    "${EPOCHREALTIME/,/.}" "${SERVICE_RESULT-}" "${EXIT_STATUS-}"
  printf '\n%s\n' "$line" >>"$state/runs/$run/journal.jsonl" || printf '%s\n' "$line" >>"/run/provisioner/unwritten-$run"
  exit 0
fi

unset INVOCATION_ID JOURNAL_STREAM SYSTEMD_EXEC_PID MANAGERPID RUNTIME_DIRECTORY
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=${LANG:-C.UTF-8}
export HOME=/root USER=root LOGNAME=root SHELL=/bin/bash
LC_ALL=C
declare -A secrets=()
ticket=0 changed_tasks=0 scratch=$folder beside=() rows=0 aside=0

# What a task's own shell does first: take the values that came on descriptor 3, so that they are neither
# arguments nor environment. Its arguments: the folder to be in, then the text.
launcher='while IFS= read -r -d "" -u 3 pair; do declare -- "${pair%%=*}=${pair#*=}"; done
exec 3<&-; unset pair; set -euo pipefail; cd -- "$1"; shift; eval "$1"'

# What is done to a path is done by the account that shall own it, so that no link, pipe or file without end
# that the account has put there costs more than a moment, and none leads root anywhere. Exit codes of the
# check: 0 it is so; 1 it is not; 3 its content is somebody else's; 4 that, and owner or mode are wrong.
check_file='IFS="|" read -r kind their_owner their_group their_access size < <(exec stat -c "%F|%U|%G|%a|%s" -- "$dest" 2>/dev/null) || exit 1
right=0
[[ $their_owner == "$owner" && $their_access == "$access" && ${group_name:-$their_group} == "$their_group" ]] || right=1
if ((folder_only)); then
  [[ $kind == directory ]] || exit 1
  exit $right
fi
[[ $kind == regular* ]] || exit 1
! cmp -s - "$dest" || exit $right  # which ends with the shorter of the two
((keep)) || exit 1
known=0
if ((size <= 16777216)) && [[ -r $dest ]]; then
  known=1
  read -r now _ < <(head -c 16777216 -- "$dest" | sha256sum)
  while read -r hash; do [[ $hash != "$now" ]] || exit 1; done <<<"$remembered"
fi
[[ $their_owner == "$owner" ]] || ((known || !EUID)) || right=0  # which the account cannot put right
exit $((3 + right))'

# Root makes nothing below a folder of somebody else, who could exchange it for a link at any moment.
only_ours='if ((!EUID)); then
  above=()
  for path in "$dest" "$(realpath -m -- "${dest%/*}/x")"; do
    while path=${path%/*}; [[ -n $path ]]; do above+=("$path"); done
  done
  while read -r uid path; do
    ((uid == 0)) || { printf "%s belongs to somebody else: root makes nothing below it; name that account as owner\n" "$path"; exit 1; }
  done < <(stat -c "%u %n" -- "${above[@]}" 2>/dev/null)
fi
'

write_file=$only_ours'umask 077
temporary=${dest%/*}/.${dest##*/}.$$.$RANDOM
trap '\''rm -f -- "$temporary"'\'' EXIT
set -o noclobber
exec 4>"$temporary"  # made here or not at all: never through a link that somebody has laid
cat >&4
sync /proc/self/fd/4
chown -- "$ownership" /proc/self/fd/4
chmod -- "$access" /proc/self/fd/4
mv -fT -- "$temporary" "$dest"'

make_directory=$only_ours'[[ ! -L $dest ]] || { printf "%s is a link\n" "$dest"; exit 1; }
mkdir -p -- "$dest"
chown --no-dereference -- "$ownership" "$dest"
chmod -- "$access" "$dest"'

correct_access=$only_ours'if ((EUID)) && [[ ! -O $dest ]]; then
  exec < <(head -c 16777216 -- "$dest")
  '$write_file'
else
  chown --no-dereference -- "$ownership" "$dest"
  chmod -- "$access" "$dest"
fi'

# --- the journal ---------------------------------------------------------------------------------------------

note() { # LINE: whole, although two may write
  local token written=1
  read -r -u "$turn" token
  printf '%s\n' "$1" >&"$book" || written=0
  printf '\n' >&"$turn"
  ((!written)) || return 0
  printf '%s\n' '{"event":"finished","ok":false,"cause":"the journal cannot be written: is the disk full?"}' \
    >>"/run/provisioner/unwritten-$run"
  exit 74
}

seconds_since() { # MICROSECONDS: sets `seconds`
  local passed=$((${EPOCHREALTIME/[.,]/} - $1))
  printf -v seconds '%d.%06d' $((passed / 1000000)) $((passed % 1000000))
}

end_task() { # STATUS CHANGED
  local seconds more=
  seconds_since "$task_began"
  [[ -z $register || $1 != ok ]] || more=",\"register\":\"$register\",\"value\":$last"
  note "{\"event\":\"end\",\"task\":$number,\"name\":$name,\"at\":${EPOCHREALTIME/,/.},\"status\":\"$1\",\"changed\":$2,\"exit\":$code,\"attempts\":$attempts,\"seconds\":$seconds,\"output\":$tail$more}"
  [[ $2 == false ]] || ((++changed_tasks))
}

finish() { # OK
  local seconds ok=$1
  join || ok=false
  seconds_since "$run_began"
  note "{\"event\":\"finished\",\"at\":${EPOCHREALTIME/,/.},\"ok\":$ok,\"changed\":$changed_tasks,\"seconds\":$seconds}"
  [[ $ok == true ]]
  exit
}

# --- what runs in the background -----------------------------------------------------------------------------

background() { # FUNCTION: its tasks, one after another, beside those that follow
  local row=background-$((++rows))
  (
    scratch=$folder/$row group=${group%/*}/$row beside=() changed_tasks=0 aside=1
    exec {bell}>&- {bell}<> <(:)
    mkdir -p -- "$scratch" "$group"
    "$1"
    leave 0
  ) &
  beside[rows]=$!
}

leave() { # STATUS: the last word of a row in the background
  printf '%s\n' "$changed_tasks" >"$scratch/changed"
  exit "$1"
}

join() { # waits for what is in the background; fails if any of it has failed
  local row status failed=0 more
  for row in "${!beside[@]}"; do
    status=0 more=0
    wait "${beside[row]}" || status=$?
    read -r more <"$folder/background-$row/changed"
    ((changed_tasks += more, failed |= status != 0))
  done
  beside=()
  ((!failed))
}

fail() { # nothing more is begun, here or beside; what goes on there comes to its end
  : >"$folder/failed"
  ((!aside)) || leave 1
  finish false
}

# --- one process tree at a time ------------------------------------------------------------------------------

find_group() { # a control group for the tasks, below that of this unit
  local line mount=/sys/fs/cgroup
  [[ -e $mount/cgroup.procs ]] || mount+=/unified
  while IFS= read -r line; do
    [[ $line != 0::* ]] || group=$mount${line#0::}/task
  done </proc/self/cgroup
  mkdir -p -- "$group"
}

sweep() { # kill whatever is left in it, however it has hidden from its parents
  local pid turn
  for ((turn = 0; turn < 500; turn++)); do
    pid=
    read -r pid <"$group/cgroup.procs"
    [[ -n $pid ]] || return 0
    { printf 1 >"$group/cgroup.kill"; } 2>/dev/null || while read -r pid; do kill -KILL "$pid"; done <"$group/cgroup.procs"
    read -r -t 0.01 -u "$never"
  done
}

hear() { # WORD LIMIT: waits until this attempt says the word; sets `said`
  local heard word
  while read -r -t "$2" -u "$bell" heard word said; do
    [[ $heard != "$ticket" || $word != "$1" ]] || return 0
  done
  return 1
}

become() { # the identity and the environment of `user`, and its home as the folder if none is given
  local login uid gid home=
  while IFS=: read -r login _ uid gid _ home _; do
    [[ $login != "$user" ]] || break
    home=
  done </etc/passwd
  [[ -n $home ]] || { printf 'there is no user %s\n' "$user"; exit 67; }
  cwd=${cwd:-$home}
  export HOME=$home USER=$user LOGNAME=$user
  [[ $user != root ]] || return 0
  export XDG_RUNTIME_DIR=/run/user/$uid DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$uid/bus
  identity=(setpriv "--reuid=$user" "--regid=$gid" --init-groups --)
}

launch() { # TEXT PAIR...: becomes the task's own shell
  local identity=() pair
  printf '%s' "$BASHPID" >"$group/cgroup.procs"
  umask 022
  become
  for pair in "${environment[@]}"; do export "${pair?}"; done
  exec {book}>&- {bell}>&- {never}>&- {turn}>&-
  local text=$1
  shift
  if (($#)); then exec 3< <(printf '%s\0' "$@"); else exec 3</dev/null; fi
  exec "${identity[@]}" /bin/bash --noprofile --norc -c "$launcher" task "$cwd" "$text"
}

attempt() { # LIMIT KEEP TEXT PAIR...: runs the text; sets `code` (124: out of time), `tail`, `last`
  local limit=$1 keep=$2 sink output
  shift 2
  ((++ticket))
  if ((keep)); then
    exec {sink}> >(exec perl -e "$filter" -- "$ticket" "$log" "$scratch/result" "$folder/secrets" $log_limit $tail_limit >&"$bell")
  else
    exec {sink}>/dev/null
  fi
  output=$sink
  if ((keep)) && [[ -n $register ]]; then
    exec {output}> >(head -c 65536 >"$scratch/value"; cat >/dev/null; printf '%s copied\n' "$ticket" >&"$bell")
  fi
  {
    (launch "$@") <"$input" >&"$output" 2>&"$sink"
    printf '%s exit %s\n' "$ticket" "$?" >&"$bell"
  } 2>/dev/null &
  if hear exit "$limit"; then code=$said; else code=124; fi
  sweep
  collect
}

collect() { # what the attempt has printed, now that nobody is left to print more
  tail='""' last='""'
  if ((output != sink)); then
    exec {output}>&-
    hear copied 20
    cat -- "$scratch/value" >&"$sink"
  fi
  exec {sink}>&-
  ((keep)) || return 0
  hear filtered 20 && { read -r tail; read -r last; } <"$scratch/result"
}

# --- tasks ---------------------------------------------------------------------------------------------------

task() { # NUMBER NAME: a new task, everything else at its default; the name is a JSON string
  number=$1 name=$2
  user=root cwd='' timeout=300 retries=0 delay=5 creates='' unless='' plain=0 register='' changes=1 quiet=0
  values=() environment=() text='' source='' dest='' owner='' group_name='' access='' keep_theirs='' folder_only=0 with_secrets=0 theirs=0 after_background=0
  input=/dev/null
}

so_already() {
  if [[ -n $dest ]]; then
    file_so
  elif [[ -n $creates && -e $creates ]]; then
    return 0
  elif [[ -n $unless ]] && ((plain)); then
    eval "$unless" &>/dev/null </dev/null
  elif [[ -n $unless ]]; then
    attempt "$guard_limit" 0 "$unless" "${values[@]}"
    ((code == 0))
  else
    return 1
  fi
}

file_so() { # content, owner and mode are as they should be; a file of somebody else's making counts as so
  local remembered=
  [[ -z $source ]] || assemble
  [[ -z $keep_theirs || ! -e $state/kept/$keep_theirs ]] || remembered=$(<"$state/kept/$keep_theirs")
  attempt "$guard_limit" 0 "$check_file" "dest=$dest" "owner=$owner" "group_name=$group_name" "access=$access" \
    "folder_only=$folder_only" "keep=${keep_theirs:+1}" "remembered=$remembered"
  case $code in
    0) return 0 ;;
    3) tail='"kept: it was changed by somebody else"' ;;
    4) theirs=1 ;;
  esac
  ((code == 3))
}

remember() { # before it is put there, so that a crash in between does not make it somebody else's: every
  # content that was ever put there from here is known by its hash
  local now
  [[ -n $keep_theirs ]] || return 0
  read -r now _ < <(exec sha256sum -- "$input")
  { [[ -d $state/kept ]] || mkdir -- "$state/kept"; } && printf '%s\n' "$now" >>"$state/kept/$keep_theirs"
}

assemble() { # sets `input`: the file as sent, with the secrets between its NUL bytes put in
  local part secret
  input=$folder/files/$source
  ((with_secrets)) || return 0
  {
    while IFS= read -r -d '' part && IFS= read -r -d '' secret; do
      printf '%s%s' "$part" "${secrets[$secret]}"
    done
    printf '%s' "$part"
  } <"$input" >"$scratch/assembled"
  input=$scratch/assembled
}

body() { # what is to be attempted: `text` and `values`, for a file made from its words
  [[ -n $dest ]] || return 0
  values=("dest=$dest" "access=$access" "ownership=$owner:$group_name")
  if ((theirs)); then
    text=$correct_access
  elif ((folder_only)); then
    text=$make_directory
  else
    remember
    text=$write_file
  fi
}

perform() {
  [[ ! -e $folder/failed ]] || fail
  local code=0 attempts=0 tail='""' last='""' task_began=${EPOCHREALTIME/[.,]/} log=
  printf -v log '%s/runs/%s/%03d.log' "$state" "$run" "$number"
  ((!quiet)) || log=/dev/null
  note "{\"event\":\"begin\",\"task\":$number,\"name\":$name,\"at\":${EPOCHREALTIME/,/.}}"
  if so_already; then
    code=0
    end_task so false
  elif [[ $mode == plan ]]; then
    code=0
    if ((changes)); then end_task planned true; else end_task planned false; fi
  else
    ((!after_background)) || join || fail
    body
    try
  fi
}

try() {
  while :; do
    ((++attempts))
    attempt "$timeout" $((!quiet)) "$text" "${values[@]}"
    ((code != 0)) || break
    if ((attempts > retries)); then
      end_task failed false
      fail
    fi
    note "{\"event\":\"retry\",\"task\":$number,\"name\":$name,\"attempt\":$attempts,\"exit\":$code}"
    read -r -t "$delay" -u "$never"
  done
  if ((changes)) && [[ $last != '"unchanged"' ]]; then end_task ok true; else end_task ok false; fi
}

start() {
  local boot secret value
  cd -- /root || cd /
  exec {book}>>"$state/runs/$run/journal.jsonl" || exit 74
  # Pipes without a process: one on which attempts report, one that nobody ever writes to (for pauses), and one
  # with a line in it, which whoever writes to the journal takes out and puts back.
  exec {bell}<> <(:) {never}<> <(:) {turn}<> <(:)
  printf '\n' >&"$turn"
  find_group
  read -r boot </proc/sys/kernel/random/boot_id
  printf '%s %s %s %s\n' "$run" "$playbook" "$digest" "$boot" >"$state/current"
  run_began=${EPOCHREALTIME/[.,]/}
  note "{\"event\":\"run\",\"run\":\"$run\",\"playbook\":\"$playbook\",\"mode\":\"$mode\",\"at\":${EPOCHREALTIME/,/.},\"boot\":\"$boot\",\"tasks\":$total}"
  while IFS= read -r -d '' secret && IFS= read -r -d '' value; do secrets[$secret]=$value; done <"$folder/secrets"
  tidy
}

tidy() { # what crashed starts have left on the memory disk, and runs that are too old to be asked for
  local other pid old=()
  for other in /run/provisioner/*/; do
    other=${other%/} pid=${other##*/} pid=${pid%%-*}
    [[ $other == "$folder" || -d /proc/$pid ]] || old+=("$other")
  done
  for other in /run/provisioner/unwritten-*; do
    [[ ! -e $other ]] || old+=("$other")
  done
  local runs=("$state"/runs/*/)
  ((${#runs[@]} <= 20)) || old+=("${runs[@]:0:${#runs[@]}-20}")
  ((!${#old[@]})) || rm -rf -- "${old[@]}"
}

start
