"""Compare: chatseal beside other tools on somebody's own file. It decides nothing about formats or keys.

    peers     what each tool is, and how its documentation calls it for this job
    pipeline  commands joined by pipes, timed, with the memory that each took; launcher is the small program that starts them
    contest   all tools in turn, round by round, and whether what came back is the source
    scratch   a private folder for all of that, gone afterwards
    plot      speed against size, as a picture

Every tool runs as processes of its own, chatseal too: as its command.
"""
