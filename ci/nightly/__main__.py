"""python ci/nightly measure BINARY HISTORY | self-test BINARY"""

import sys
from pathlib import Path

import self_test
from night import measure

match sys.argv[1:]:
    case ["measure", binary, history]:
        sys.exit(measure(Path(binary), Path(history)))
    case ["self-test", binary]:
        self_test.run(Path(binary))
    case _:
        sys.exit(__doc__)
