# Completion of pod's command lines, for bash: source <(pod completion bash)

_pod() {
    local typed=${COMP_LINE:0:COMP_POINT} words current kept= break begun line files=
    read -ra words <<<"$typed"
    [[ $typed == *[[:space:]] ]] && words+=("")
    current=${words[${#words[@]} - 1]}
    # Readline replaces only what is behind the last of the signs that it parts words at.
    for break in = :; do
        if [[ $COMP_WORDBREAKS == *$break* && $current == *$break* ]]; then
            begun=${current%"${current##*"$break"}"}
            ((${#begun} > ${#kept})) && kept=$begun
        fi
    done
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            files=yes
        else
            line=${line%%$'\t'*}
            COMPREPLY+=("${line#"$kept"}")
        fi
    done < <("${words[0]/#\~/$HOME}" __complete -- "${words[@]:1}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=:/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
    [[ $files ]] && compopt -o default 2>/dev/null
    return 0
}

complete -F _pod pod
