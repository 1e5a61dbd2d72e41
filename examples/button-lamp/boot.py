# Joins the Wi-Fi before main.py starts: copy it, and settings.py, to both boards.
import network
from settings import WIFI_NAME, WIFI_PASSWORD

wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.config(pm=0xA11140)  # without it power saving costs seconds
wlan.connect(WIFI_NAME, WIFI_PASSWORD)
