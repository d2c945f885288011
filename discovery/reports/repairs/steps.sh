# ask COMMAND QUERY OPTION VALUE: what AWS answers; `missing` where it has no such thing.
ask() {
  command=$1 query=$2
  shift 2
  elasticache "$command" "$@" --query "$query" --output text 2>/dev/null && return
  answer=$(elasticache "$command" "$@" --query "$query" --output text 2>&1) && {
    say "$answer"
    return
  }
  case $answer in
    *'(UserNotFound)'* | *'(UserGroupNotFound)'* | *'(ServerlessCacheNotFoundFault)'*)
      say missing
      ;;
    *)
      problem "$answer"
      return 1
      ;;
  esac
}

# wait_until STATUS COMMAND QUERY OPTION VALUE
wait_until() {
  enter || return
  wanted=$1
  shift
  left=$WAIT
  while :; do
    status=$(ask "$@") || return
    case $status in
      "$wanted") return 0 ;;
      missing | None | deleting | create-failed)
        problem "$4 is $status"
        return 1
        ;;
    esac
    if [ "$left" -le 0 ]; then
      problem "$4 is $status after $WAIT seconds, and not $wanted"
      return 1
    fi
    sleep "$POLL"
    left=$((left - POLL - 1))
  done
}

wait_for_user() {
  wait_until active describe-users 'Users[0].Status' "$1" "$2"
}

wait_for_group() {
  wait_until active describe-user-groups 'UserGroups[0].Status' "$1" "$2"
}

wait_for_cache() {
  wait_until available describe-serverless-caches 'ServerlessCaches[0].Status' "$1" "$2"
}

# change COMMAND OPTION VALUE ... -- REQUEST: make the request that stands behind `--`.
change() {
  command=$1
  say "  $command $3"
  while [ "$1" != -- ]; do
    shift
  done
  shift
  elasticache "$command" "$@" >/dev/null || return
  changes=$((changes + 1))
}

# is_user OPTION VALUE TYPE STATE: true when it logs in that way (or `any`) and is `on` or `off`.
is_user() {
  answer=$(ask describe-users 'Users[0].[Authentication.Type,AccessString]' "$1" "$2") || return 2
  [ "$3" = any ] || [ "${answer%%"$TAB"*}" = "$3" ] || return 1
  state=off
  set -f
  for rule in ${answer#*"$TAB"}; do
    case $rule in
      [Oo][Nn]) state=on ;;
      [Oo][Ff][Ff]) state=off ;;
    esac
  done
  set +f
  [ "$state" = "$4" ]
}

check_user() {
  is_user "$@" && return
  problem "user $2 is not of type $3 and $4, though it should be; run the audit again"
  return 1
}

# create_user OPTION VALUE TYPE STATE -- REQUEST
create_user() {
  enter || return
  status=$(ask describe-users 'Users[0].Status' "$1" "$2") || return
  if [ "$status" = missing ]; then
    change create-user "$@" || return
  fi
  wait_for_user "$1" "$2" && check_user "$1" "$2" "$3" "$4"
}

# modify_user OPTION VALUE TYPE STATE -- REQUEST
modify_user() {
  enter || return
  wait_for_user "$1" "$2" || return
  is_user "$1" "$2" "$3" "$4"
  case $? in
    0) return ;;
    1) ;;
    *) return 1 ;;
  esac
  change modify-user "$@" && wait_for_user "$1" "$2" && check_user "$1" "$2" "$3" "$4"
}

# has_members OPTION VALUE in:ID... out:ID... --: true when the first are members, the others not.
has_members() {
  members=$(ask describe-user-groups 'UserGroups[0].UserIds' "$1" "$2") || return 2
  members=$TAB$members$TAB
  shift 2
  while [ "$1" != -- ]; do
    case $1 in
      in:*) case $members in *"$TAB${1#in:}$TAB"*) ;; *) return 1 ;; esac ;;
      out:*) case $members in *"$TAB${1#out:}$TAB"*) return 1 ;; esac ;;
    esac
    shift
  done
}

check_members() {
  has_members "$@" && return
  problem "user group $2 has other members than it should; run the audit again"
  return 1
}

# create_group OPTION VALUE in:ID... -- REQUEST
create_group() {
  enter || return
  status=$(ask describe-user-groups 'UserGroups[0].Status' "$1" "$2") || return
  if [ "$status" = missing ]; then
    change create-user-group "$@" || return
  fi
  wait_for_group "$1" "$2" && check_members "$@"
}

# modify_group OPTION VALUE in:ID... out:ID... -- REQUEST
modify_group() {
  enter || return
  wait_for_group "$1" "$2" || return
  has_members "$@"
  case $? in
    0) return ;;
    1) ;;
    *) return 1 ;;
  esac
  change modify-user-group "$@" && wait_for_group "$1" "$2" && check_members "$@"
}

# attach_group OPTION VALUE GROUP EARLIER -- REQUEST: unless another than the earlier is attached.
attach_group() {
  enter || return
  attached=$(attached_group "$1" "$2") || return
  [ "$attached" = "$3" ] && return
  if [ "$attached" != "$4" ]; then
    problem "cache $2 has user group $attached by now; run the audit again"
    return 1
  fi
  wait_for_cache "$1" "$2" && change modify-serverless-cache "$@" && wait_for_cache "$1" "$2" \
    || return
  attached=$(attached_group "$1" "$2") || return
  [ "$attached" = "$3" ] && return
  problem "cache $2 has user group $attached, and not $3"
  return 1
}

attached_group() {
  attached=$(ask describe-serverless-caches 'ServerlessCaches[0].UserGroupId' "$1" "$2") || return
  say "${attached:-None}"
}

# raise_version OPTION VALUE VERSION -- REQUEST
raise_version() {
  enter || return
  version=$(major_version "$1" "$2") || return
  [ "$version" -ge "$3" ] 2>/dev/null && return
  wait_for_cache "$1" "$2" && change modify-serverless-cache "$@" && wait_for_cache "$1" "$2" \
    || return
  version=$(major_version "$1" "$2") || return
  [ "$version" -ge "$3" ] 2>/dev/null && return
  problem "cache $2 has version $version, and not $3"
  return 1
}

major_version() {
  version=$(ask describe-serverless-caches 'ServerlessCaches[0].MajorEngineVersion' "$1" "$2") \
    || return
  say "${version%%.*}"
}

# left_to_a_person CODE: stands where a step is commented out.
left_to_a_person() {
  say "  $1 is left to you: see the comments in this script"
}

# begin NAME, its steps, end RESULT: one cache. What fails stops that cache alone.
begin() {
  name="$1 ($account/$region)"
  caches=$((caches + 1)) before=$changes ready=no
  say "$name"
}

end() {
  if [ "$1" -ne 0 ]; then
    failed=$((failed + 1))
    failures="$failures
  $name"
  elif [ "$changes" -gt "$before" ]; then
    repaired=$((repaired + 1))
  else
    say '  unchanged'
  fi
}

finish() {
  say "Caches: $repaired changed, $((caches - repaired - failed)) unchanged, $failed failed."
  if [ "$failed" -gt 0 ]; then
    printf 'Not repaired:%s\n' "$failures" >&2
    exit 1
  fi
}

if ! command -v aws >/dev/null; then
  problem 'the AWS CLI is needed, and aws is not on PATH; nothing was changed'
  exit 127
fi
