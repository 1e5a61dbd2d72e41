# Freezes picolink into a firmware of one's own:
#   make -C ports/rp2 BOARD=RPI_PICO_W FROZEN_MANIFEST=<checkout>/board/manifest.py
# The modules are those of build/board, which `make pack` compiles from src/ (types stripped).
include("$(MPY_DIR)/ports/rp2/boards/RPI_PICO_W/manifest.py")  # noqa: F821
freeze("../build/board")  # noqa: F821
