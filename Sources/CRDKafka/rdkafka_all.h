// rdkafka_mock.h refuses to be read before rdkafka.h, so the order here matters.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
