# bash completion of levada. Load it with:  source <(levada completion bash)

_levada() {
    local line="${COMP_LINE:0:COMP_POINT}" words=() cur skip reply about last count i
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    last=$((${#words[@]} - 1))
    cur="${words[$last]}"
    # Readline replaces what stands behind the last = or :, so candidates are cut to that.
    skip="${cur%"${cur##*[=:]}"}"
    COMPREPLY=()
    local abouts=()
    while IFS=$'\t' read -r reply about; do
        case "$reply" in
        :py | :file | :dir)
            cur="${cur#"$skip"}"
            while IFS= read -r reply; do
                COMPREPLY+=("$reply")
            done < <(
                case "$reply" in
                :dir) compgen -d -- "$cur" ;;
                :py) compgen -d -- "$cur"; compgen -f -X '!*.py' -- "$cur" ;;
                *) compgen -f -- "$cur" ;;
                esac
            )
            compopt -o filenames 2>/dev/null
            return
            ;;
        esac
        reply="${reply#"$skip"}"
        case "$reply" in
        */ | *=) compopt -o nospace 2>/dev/null ;;
        esac
        COMPREPLY+=("$reply")
        abouts+=("$about")
    done < <("$1" __complete "${words[@]:1}" 2>/dev/null)
    compopt -o nosort 2>/dev/null
    # A list that is only shown has descriptions.
    count=${#COMPREPLY[@]}
    if ((count > 1)) && [[ $COMP_TYPE == 63 ]]; then
        for ((i = 0; i < count; i++)); do
            [[ -n ${abouts[$i]} ]] && COMPREPLY[i]="${COMPREPLY[$i]}  (${abouts[$i]})"
        done
    fi
}

complete -F _levada levada
