// Switches the lamp of a Pico over a UART, in plain text: "led_on" CR is answered "on" CR LF.
// UNTESTED: this sketch has run on no board yet.

const int BUTTON = 2;                   // between D2 and GND
const unsigned long ANSWER_MS = 500;    // the Pico answers within this
const unsigned long DEBOUNCE_MS = 20;

bool lampIsOn = false;
int lastLevel = HIGH;

// Says a command; true if the answer is the expected line.
bool say(const char *command, const char *expected) {
  while (Serial1.available()) {
    Serial1.read();  // what was left over belongs to an earlier command
  }
  Serial1.print(command);
  Serial1.print('\r');

  char answer[21];  // at most 20 characters
  size_t length = 0;
  unsigned long began = millis();
  while (millis() - began < ANSWER_MS && length < sizeof(answer) - 1) {
    if (!Serial1.available()) {
      continue;
    }
    char c = Serial1.read();
    if (c == '\n') {
      break;
    }
    if (c != '\r') {
      answer[length++] = c;
    }
  }
  answer[length] = '\0';
  return strcmp(answer, expected) == 0;
}

void setup() {
  pinMode(BUTTON, INPUT_PULLUP);
  pinMode(LED_BUILTIN, OUTPUT);
  Serial1.begin(115200);
}

void loop() {
  int level = digitalRead(BUTTON);
  if (level != lastLevel) {
    lastLevel = level;
    delay(DEBOUNCE_MS);
    if (level == LOW) {
      bool done = lampIsOn ? say("led_off", "off") : say("led_on", "on");
      if (done) {
        lampIsOn = !lampIsOn;
      }
      digitalWrite(LED_BUILTIN, done ? LOW : HIGH);  // lit: no right answer
    }
  }
}
