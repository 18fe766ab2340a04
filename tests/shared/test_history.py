"""The history of a run starts empty and counts its epochs."""

from mlpbook.shared.history import History


def test_a_new_history_is_empty_and_has_no_epochs():
    history = History()
    assert history.train_loss == history.validation_loss == []
    assert history.validation_error == history.batch_loss == []
    assert history.n_epochs == 0


def test_an_epoch_counts_once_however_many_batches_it_had():
    history = History()
    history.batch_loss.extend([3.0, 2.0, 1.0])
    assert history.n_epochs == 0
    history.train_loss.append(2.0)
    assert history.n_epochs == 1


def test_two_histories_share_nothing():
    first, second = History(), History()
    first.train_loss.append(1.0)
    first.batch_loss.append(1.0)
    assert second == History()
