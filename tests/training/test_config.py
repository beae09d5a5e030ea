from vaekit.training import TrainConfig


def test_the_batch_is_the_users_or_the_presets_or_128():
    assert TrainConfig().items_per_step == 128
    assert TrainConfig().suggested({"batch_size": 64}).items_per_step == 64
    assert TrainConfig(batch_size=32).suggested({"batch_size": 64}).items_per_step == 32
