# Waits for the end of the process that holds the other end of standard input, however it ends, then kills every engine
# that still works in one of the given folders. The second net below PDEATHSIG: it also reaches what the engines have
# forked, and stopped processes. Standard output is the folder's lock, so nobody starts there before this is done.
# Usage: guard.sh keep|remove DIR ENGINE_HOME...
trap '' HUP INT TERM
fate=$1 dir=$2
shift 2
read -r _
while :; do
    found=
    for proc in /proc/[0-9]*; do
        { read -r name <"$proc/comm"; } 2>/dev/null || continue
        case $name in java | postgres | initdb) ;; *) continue ;; esac
        cwd=$(readlink "$proc/cwd") || continue
        for home in "$@"; do
            case $cwd in
                "$home" | "$home"/* | "$home (deleted)")
                    kill -KILL "${proc#/proc/}" 2>/dev/null
                    found=yes
                    ;;
            esac
        done
    done
    [ -n "$found" ] || break
    sleep 0.05
done
[ "$fate" = remove ] && rm -rf -- "$dir" "$@"
exit 0
