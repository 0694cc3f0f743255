# Shards as tests of CTest, and the merge behind them: from an empty folder,
#
#     cp tools/shards/CTestTestfile.cmake FOLDER
#     cd FOLDER && PLUMB=build/plumb SUITE=suite.json SHARDS=4 ROOT=/the/checkout ctest -j4 --output-on-failure
#
# PLUMB and SUITE are seen from ROOT, where the suite's own paths begin. Reports are left in FOLDER.
set(shard [=[here=$PWD; cd "$ROOT" && { "$PLUMB" suite "$SUITE" --shard "$0/$SHARDS" --json "$here/shard-$0.json" || [ $? -eq 1 ]; }]=])
set(merge [=[here=$PWD; cd "$ROOT" && "$PLUMB" merge "$here"/shard-*.json --json "$here/suite.json"]=])
foreach(k RANGE 1 $ENV{SHARDS})
    add_test(shard-${k} sh -c "${shard}" ${k})
    list(APPEND shards shard-${k})
endforeach()
add_test(merge sh -c "${merge}")
set_tests_properties(merge PROPERTIES DEPENDS "${shards}")
