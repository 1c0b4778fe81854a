from rethinking_backdoors.seeds import generator, root


def test_streams_depend_on_their_key_alone():
    first = generator(5, "model", 3).random(4)
    generator(5, "model", 4).random(1000)
    assert (generator(5, "model", 3).random(4) == first).all()


def test_streams_of_other_names_indices_and_roots_differ():
    keys = [(5, "model", 3), (5, "model", 4), (5, "subset", 3), (6, "model", 3), (5, "model")]
    assert len({int(generator(*key).integers(2**60)) for key in keys}) == len(keys)


def test_roots_are_distinct_and_never_change():
    # Written out, because results of earlier runs depend on them.
    assert root("digits", 1, 0) == 0xDF9BA5EE63A1AE11
    assert generator(1, "model", 2).integers(2**60) == 519897267553004679
    assert len({root(d, e, s) for d in ("digits", "cifar10") for e in range(9) for s in range(5)}) == 90
