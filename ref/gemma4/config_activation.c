/* config_activation.c - an activation function by its name in a configuration; others than these are refused */
#include "gemma4.h"

Activation config_activation(ConfigReader at, const char *key)
{
    Activation activation = GELU_PYTORCH_TANH;
    const char *name = config_string(at, key);
    if (!activation_from_name(name, &activation)) config_refuse(at, key, name, activation_names);
    return activation;
}
