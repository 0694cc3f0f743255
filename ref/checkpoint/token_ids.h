/* token_ids.h - ids of placeholders where config.json has none: the defaults of Hugging Face's Gemma4Config */
#ifndef PLUMB_TOKEN_IDS_H
#define PLUMB_TOKEN_IDS_H

enum { IMAGE_TOKEN_ID = 258880, AUDIO_TOKEN_ID = 258881, VIDEO_TOKEN_ID = 258884 };

#endif
