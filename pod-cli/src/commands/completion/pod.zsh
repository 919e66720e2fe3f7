#compdef pod
# Completion of pod's command lines, for zsh: source <(pod completion zsh)

_pod() {
    local line files
    local -a found
    for line in "${(@f)$("${(Q)~words[1]}" __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        case $line in
        :files) files=yes ;;
        '') ;;
        *)
            line=${line//:/\\:}
            found+=("${line/$'\t'/:}")
            ;;
        esac
    done
    (( $#found )) && _describe pod found
    [[ -n $files ]] && _files
}

if [[ ${funcstack[1]} == _pod ]]; then
    _pod "$@"
else
    compdef _pod pod
fi
