"""Where on the host the tests' local clouds stand.

Test runs with a lane, a number from 1 to 20, and an ECDEPLOYER_TEST_STATE of their own run side by side.
"""

import os

LANE = int(os.environ.get("ECDEPLOYER_TEST_LANE", "0"))
