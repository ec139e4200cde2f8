# Starts a run on the server, or attaches to the one that is there, and shows its journal as it grows.
# Arguments: RUN PLAYBOOK DIGEST BYTES MODE MINE. On standard input come BYTES of a tar archive (the script,
# its files, its secrets), later the word "taken" when the result has arrived; its end means that the other
# side is gone. MINE is the run that the caller has followed before ("-": none). Dots on standard error
# are signs of life. The unit has one fixed name, so systemd itself sees to it that there are never two.
# shellcheck shell=bash

run=$1 playbook=$2 digest=$3 bytes=$4 mode=$5 mine=$6
state=/var/lib/provisioner unit=provisioner-run folder=/run/provisioner/$$-$1
umask 077
trap '' PIPE

forget() {
  rm -rf -- "$folder" "$state/runs/$run"
}

refuse() { # CAUSE
  forget
  local cause=${1//[\\\"]/} # what follows are the messages of mkdir, tar and systemd-run
  printf '{"event":"refused","cause":"%s"}\n' "${cause//[[:cntrl:]]/ }"
  exit 1
}

result_of() { # RUN TEXT: whether it has come to its end, with this text in its last word
  [[ $(tail -n 3 -- "$state/runs/$1/journal.jsonl" 2>/dev/null) == *'"event":"finished"'*"$2"* ]]
}

waiting_result() { # sets `found`: the caller's own run, or one of the very same thing that nobody has heard of
  local last sum boot
  found=$mine
  [[ $mine == - ]] || ! result_of "$mine" '' || return 0
  [[ $mode == run ]] && read -r last _ sum boot <"$state/current" || return 1
  found=$last
  [[ $sum == "$digest" && $boot == "$(</proc/sys/kernel/random/boot_id)" ]] && result_of "$last" '"ok":true'
} 2>/dev/null

start_unit() {
  systemd-run --quiet --no-block --collect --unit=$unit --description="provisioner $run $playbook $digest" \
    --property=Delegate=yes --property=OOMPolicy=continue --property=TimeoutStopSec=20 --property=IgnoreSIGPIPE=no \
    --property=RuntimeDirectory="${folder#/run/}" --property=RuntimeDirectoryMode=0700 \
    --property=StandardError="append:$state/runs/$run/errors" \
    --property=ExecStopPost="/bin/bash --noprofile --norc $folder/script stopped $run - - -" \
    /bin/bash --noprofile --norc "$folder/script" "$mode" "$run" "$playbook" "$digest" "$folder" 2>&1 </dev/null
}

running() { # sets `found` and `its_playbook`, `its_digest` of the unit that is there
  local words
  read -r -a words < <(systemctl show --property=Description --value $unit)
  [[ ${words[0]-} == provisioner && ${#words[@]} == 4 ]] || return 1
  found=${words[1]} its_playbook=${words[2]} its_digest=${words[3]}
}

may_be_running() { # whether the caller's run, or one of the very same thing, has begun and was not seen to end
  local sum
  [[ $mine == - ]] || return 0
  read -r _ _ sum _ <"$state/current" && [[ $sum == "$digest" ]]
} 2>/dev/null

begin() { # sets `found` and `how`
  local turn complaint
  # systemd would make the second for everybody to read.
  : >"$state/runs/$run/journal.jsonl" && : >"$state/runs/$run/errors" || refuse "the journal cannot be written on $state"
  for ((turn = 0; turn < 400; turn++)); do
    if ((turn)) || may_be_running; then
      # In this order: a run that ends between the two questions has left its result.
      running && ! result_of "$found" '' && break
      waiting_result && { how=ended; forget; return; }
    fi
    complaint=$(start_unit) && { found=$run how=started; return; }
    running || [[ $complaint == *already* ]] || refuse "$complaint"
    sleep 0.05 # it is on its way out, or somebody else was faster
  done
  forget
  if [[ $its_digest == "$digest" ]]; then how=attached; else how=other; fi
}

clear_current() {
  local last
  read -r last _ <"$state/current"
  [[ $last != "$found" ]] || : >"$state/current"
}

follow() { # shows the journal as it grows, looking more and more seldom while nothing comes
  local line rest='' word heard pause=8 sign=$EPOCHSECONDS
  exec {journal}<"$state/runs/$found/journal.jsonl" || refuse "the journal of $found is gone"
  while :; do
    if IFS= read -r -u "$journal" line; then
      printf '%s\n' "$rest$line" || return
      rest='' pause=8
      continue
    fi
    rest+=$line
    ((pause = pause < 100 ? pause * 9 / 8 : 100))
    printf -v line '0.%03d' $pause
    read -r -t "$line" word
    heard=$?
    # The clock may cut the word in two, so any part of it will do.
    [[ -z $word ]] || clear_current
    ((heard > 128)) && [[ -z $word ]] || return
    ((EPOCHSECONDS - sign >= 3)) || continue
    sign=$EPOCHSECONDS
    printf . >&2 || return
    systemctl is-active --quiet $unit || lost
  done
}

lost() { # the unit is not there: what its journal does not say by now is elsewhere, or was never said
  ((gone++ == 1)) || return 0
  printf '\n'
  cat -- "/run/provisioner/unwritten-$found" 2>/dev/null
  printf '{"event":"gone"}\n'
}

gone=0 found=$run how=started
error=$({ mkdir -p -- "$folder" "$state/runs/$run" && head -c "$bytes" | tar -x -f - -C "$folder"; } 2>&1) || refuse "$error"
if waiting_result; then how=ended; forget; else begin; fi
printf '{"event":"%s","run":"%s","playbook":"%s"}\n' "$how" "$found" "${its_playbook-$playbook}"
follow
