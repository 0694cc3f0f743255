/* test_video_processor.c - frames in the order of their names, and their times */
#include "image/video_processor.h"

#include "pictures.h"

START_TEST(in_order)
{
    static const char *const names[] = { "10.png", "2.png", "a.png", "B.png", ".hidden.png", "c.jpg", "png", ".png" };
    static const char *const expected[] = { "10.png", "2.png", "B.png", "a.png" };
    Error error = { "" };
    for (int i = 0; i < COUNT(names); i++) write_text(temporary(names[i]), "");
    VideoFrames frames = video_frames(temporary_folder(), &scratch, &error);
    assert_clean(&error);
    ck_assert_int_eq(frames.count, COUNT(expected));
    for (int i = 0; i < frames.count; i++) ck_assert_str_eq(frames.paths[i], temporary(expected[i]));
}
END_TEST

START_TEST(no_frames)
{
    Error error = { "" };
    ck_assert_int_eq(video_frames(temporary_folder(), &scratch, &error).count, 0);
    assert_refused(&error, temporary_folder(), ": found no file that ends in .png, expected a folder of PNG frames");
    error = (Error){ "" };
    video_frames(temporary("absent"), &scratch, &error);
    assert_refused(&error, temporary("absent"),
                   ": found no folder (No such file or directory), expected one of PNG frames");
}
END_TEST

static const struct {
    int frame;
    double fps;
    const char *time;
} times[] = {
    { 0, 24, "00:00" },    { 23, 24, "00:00" },  { 24, 24, "00:01" },      { 59, 1, "00:59" },
    { 60, 1, "01:00" },    { 61, 1, "01:01" },   { 119, 2, "00:59" },      { 3600, 1, "60:00" },
    { 6000, 1, "100:00" }, { 1, 0.01, "01:40" }, { 7, 1.0 / 60, "07:00" }, { 5, 29.97, "00:00" },
};

START_TEST(timestamp) { ck_assert_str_eq(video_timestamp(times[_i].frame, times[_i].fps, &scratch), times[_i].time); }
END_TEST

Suite *video_processor_suite(void)
{
    Suite *suite = suite_create("video_processor");
    TCase *tcase = theme(suite, "frames");
    tcase_add_test(tcase, in_order);
    tcase_add_test(tcase, no_frames);
    tcase_add_loop_test(tcase, timestamp, 0, COUNT(times));
    return suite;
}
