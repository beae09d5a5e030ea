from .samplers import Diffusion as Diffusion, GAN as GAN
from .vae import Model as Model, VAE as VAE
