#compdef levada
# zsh completion of levada. Load it with:  source <(levada completion zsh)

_levada() {
    local line value about
    local -a values shown deeper deepershown
    while IFS= read -r line; do
        value="${line%%$'\t'*}"
        about=""
        [[ "$line" == *$'\t'* ]] && about="${line#*$'\t'}"
        case "$value" in
        :py) _files -g '*.py(-.)'; return ;;
        :dir) _files -/; return ;;
        :file) _files; return ;;
        esac
        line="$value"
        [[ -n "$about" ]] && line="$value  -- $about"
        if [[ "$value" == */ ]]; then
            deeper+=("$value"); deepershown+=("$line")
        else
            values+=("$value"); shown+=("$line")
        fi
    done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( $#deeper )) && compadd -V runs -l -S '' -d deepershown -a deeper
    (( $#values )) && compadd -V values -l -d shown -a values
}

compdef _levada levada
