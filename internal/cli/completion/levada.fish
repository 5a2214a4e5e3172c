# fish completion of levada. Load it with:  levada completion fish > ~/.config/fish/completions/levada.fish

function __levada_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] 2>/dev/null)
        switch $line
            case :py
                __fish_complete_suffix .py
            case :dir
                __fish_complete_directories
            case :file
                __fish_complete_path
            case '*'
                echo $line
        end
    end
end

complete -c levada -f -a '(__levada_complete)'
