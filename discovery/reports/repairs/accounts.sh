# -- What the steps further down are made of ---------------------------------------------------
# Each looks first whether it is done already, and waits until AWS is done with what it changed.

TAB=$(printf '\t')
WAIT=${REPAIR_WAIT:-900}
POLL=${REPAIR_POLL:-5}
export AWS_PAGER=''

account='' region='' role='' session='' external_id='' profile='' entered=''
key='' secret='' token=''
caches=0 repaired=0 changes=0 failed=0 failures='' ready=no

say() {
  printf '%s\n' "$*"
}

# problem TEXT: on stderr, without what could control a terminal.
problem() {
  printf '  ! %s' "$*" | LC_ALL=C tr -c '[:print:]' '?' >&2
  printf '\n' >&2
}

# own COMMAND...: the AWS CLI with the credentials that the script is started with.
own() {
  if [ -n "$OWN_PROFILE" ]; then
    aws --profile "$OWN_PROFILE" "$@"
  else
    aws "$@"
  fi
}

# use_role ACCOUNT ROLE SESSION [EXTERNAL_ID]: the caches that follow are in this account.
use_role() {
  account=$1 role=$2 session=$3 external_id=${4-} profile='' entered=''
  if [ -n "${REPAIR_ROLE:-}" ]; then
    role=${role%%:role/*}:role/$REPAIR_ROLE
  fi
  if [ $# -gt 3 ] && [ -z "$4" ]; then
    problem "account $account: its external id is empty; set what the line above names"
    entered=never
  fi
}

# use_profile ACCOUNT PROFILE: the same, with a profile of yours; empty: the credentials at hand.
use_profile() {
  account=$1 profile=$2 role='' key='' entered=''
}

# enter: get credentials of the account, and see that they are of this account and no other. Once
# for each cache that has something to do: the session of a role lasts an hour.
enter() {
  [ "$ready" = yes ] && return
  if [ "$entered" = never ]; then
    problem "not tried: account $account cannot be entered"
    return 1
  fi
  if [ -n "$role" ]; then
    assume_role && ready=yes
  elif [ "$entered" = yes ] || is_own_account; then
    entered=yes ready=yes
  fi
  [ "$ready" = yes ] && return
  entered=never
  return 1
}

assume_role() {
  set -- --role-arn "$role" --role-session-name "$session" --region "$STS_REGION"
  if [ -n "$external_id" ]; then
    set -- "$@" "--external-id=$external_id"
  fi
  credentials='Credentials.AccessKeyId,Credentials.SecretAccessKey,Credentials.SessionToken'
  answer=$(own sts assume-role "$@" --query "[$credentials,AssumedRoleUser.Arn]" --output text) || {
    problem "account $account: the role $role cannot be assumed"
    return 1
  }
  IFS=$TAB read -r key secret token arn <<ANSWER
$answer
ANSWER
  case $arn in
    arn:*:sts::"$account":assumed-role/*) ;;
    *)
      problem "account $account: the role $role answers as $arn"
      return 1
      ;;
  esac
}

is_own_account() {
  answer=$(with_profile sts get-caller-identity --query Account --output text \
    --region "$STS_REGION") || return
  if [ "$answer" != "$account" ]; then
    problem "account $account: these are credentials of account $answer;" \
      "name a profile in PROFILE_$account"
    return 1
  fi
}

with_profile() {
  if [ -n "$profile" ]; then
    aws --profile "$profile" "$@"
  else
    own "$@"
  fi
}

# elasticache COMMAND...: in the account and the region at hand.
elasticache() {
  if [ -n "$key" ]; then
    AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret AWS_SESSION_TOKEN=$token \
      aws elasticache "$@" --region "$region"
  else
    with_profile elasticache "$@" --region "$region"
  fi
}
